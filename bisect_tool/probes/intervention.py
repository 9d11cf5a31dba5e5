"""What a probe changes and what it reads: names only, no tensors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bisect_tool.sites import Site


@dataclass(frozen=True)
class Intervention:
    """The sites that take the reference's value instead of the port's own, and the sites that are compared.

    A site that is both watched and patched is computed, compared, and then replaced.

    Attributes:
        patched: sites in the reference's names.
        watched: sites whose inputs and output are compared with the reference's.
        kept: calls that take the value they had with the port's own parameters, and so need not be computed again.
        fed: calls that are computed from the reference's inputs.
        exact: watched calls that are computed once more in float64, on the side.
        disturbed: calls whose outputs are made wrong on purpose, to see who feels it, each with how much (relative).
        backward: "" for none; "own" and "whole" for a backward pass, with the port's own values or the reference's on the
            way forward; "pieces" for one in which each watched call is pulled back by itself.
        straight: calls whose value is the reference's on the way forward, while gradients go the port's own way.
        pulled: calls whose output takes the reference's gradient, whatever comes after.
        severed: calls whose own code passes the reference's gradients on: to its inputs, and to the calls inside it.
        thawed: parameters that take gradients although the port froze them.
        echo: every output is replaced by a copy of itself; nothing may change.
        repeat: tells apart runs that are asked twice on purpose.

    """

    patched: frozenset[Site] = frozenset()
    watched: frozenset[Site] = frozenset()
    kept: frozenset[Site] = frozenset()
    fed: frozenset[Site] = frozenset()
    exact: frozenset[Site] = frozenset()
    disturbed: frozenset[tuple[Site, float]] = frozenset()
    backward: Literal["", "own", "whole", "pieces"] = ""
    straight: frozenset[Site] = frozenset()
    pulled: frozenset[Site] = frozenset()
    severed: frozenset[Site] = frozenset()
    thawed: frozenset[Site] = frozenset()
    echo: bool = False
    repeat: int = 0

    def patching(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more sites patched."""
        return dataclasses.replace(self, patched=self.patched | frozenset(sites))

    def watching(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more sites watched."""
        return dataclasses.replace(self, watched=self.watched | frozenset(sites))

    def keeping(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more calls kept."""
        return dataclasses.replace(self, kept=self.kept | frozenset(sites))

    def feeding(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more calls computed from the reference's inputs."""
        return dataclasses.replace(self, fed=self.fed | frozenset(sites))

    def computing_exactly(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more watched calls computed in float64 too."""
        return dataclasses.replace(self, exact=self.exact | frozenset(sites))

    def disturbing(self, sizes: Mapping[Site, float]) -> Intervention:
        """Return this intervention with more calls disturbed, each by relative noise of a size."""
        return dataclasses.replace(self, disturbed=self.disturbed | frozenset(sizes.items()))

    @property
    def key(self) -> str:
        """Return a short hash that stands for this intervention in the cache."""
        forward = (self.patched, self.watched, self.kept, self.fed, self.exact, self.disturbed)
        groups = (*forward, self.straight, self.pulled, self.severed, self.thawed)
        text = json.dumps([*(sorted(group) for group in groups), self.backward, self.echo, self.repeat])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """One watched tensor against the reference's.

    Attributes: ``error`` (relative), ``mismatch`` (why there is no error), ``missing`` (the port passes no such
    tensor, which alone says nothing), ``variation`` (max - min of the port's own values, within a channel),
    ``misplaced`` (how many elements of a variable are wholly wrong, whatever their share).
    """

    path: str
    error: float | None = None
    mismatch: str | None = None
    missing: bool = False
    variation: float | None = None
    misplaced: int = 0

    def exceeds(self, tolerance: float) -> bool:
        """Tell whether the tensor is off by more than a relative tolerance, or does not compare at all."""
        if self.missing:
            return False
        return self.mismatch is not None or self.error is None or not self.error <= tolerance


@dataclass(frozen=True)
class Watched:
    """A watched call: its inputs and its output, compared.

    Attributes: ``exact`` is the output computed in float64, where asked; ``exact_inputs`` are the inputs that the call
    around it hands it in float64, where that was asked and the plain ones differ.
    """

    inputs: tuple[Comparison, ...] = ()
    output: tuple[Comparison, ...] = ()
    exact: tuple[Comparison, ...] | None = None
    exact_inputs: tuple[Comparison, ...] | None = None


@dataclass(frozen=True)
class Pulled:
    """One gradient against the reference's.

    Attributes: ``none`` (no path leads there), ``rms`` and ``reference`` (None: no path leads there), ``apart`` (rms of the
    difference), ``ratio`` (of what lies along the reference's), ``lost`` (places of ``size`` where it is 0 and the
    reference's is not), ``mismatch`` (why there is nothing to compare), ``norm`` (where it is a parameter's, of all its
    numbers).
    """

    none: bool = False
    rms: float = 0.0
    reference: float | None = None
    apart: float = 0.0
    ratio: float | None = None
    lost: int = 0
    size: int = 0
    mismatch: str | None = None
    norm: float = 0.0

    @property
    def missing(self) -> bool:
        """Tell whether it is nothing, or zeros, where the reference has something."""
        return self.mismatch is None and not self.rms and bool(self.reference)

    def exceeds(self, floor: float) -> bool:
        """Tell whether it is off by more than an rms, or does not compare at all."""
        return self.mismatch is not None or not self.apart <= floor


@dataclass(frozen=True)
class PulledAt:
    """A gradient at a call: ``part`` is "inputs", "output" or "state", ``path`` which of them; ``exact``: in float64.

    The part "call" says that the call is made with gradients switched off.
    """

    site: str
    part: str
    path: str
    exact: bool
    gradient: Pulled


@dataclass(frozen=True)
class Reading:
    """What one probe gave.

    Attributes:
        targets: the scalars that ``step`` returned.
        receipts: for each patched site the hashes of what the port consumed there.
        standing: for a patched parameter whose module was not called, the hash of what it held after the run.
        watched: comparisons by site.
        calls: the sites that were computed, in order, with (path, shape) of their outputs.
        gradients: each parameter's, in a run with a whole backward pass.
        pieces: what each call makes of the reference's gradients, in a run with a backward pass in pieces.
        kernels: kernels that were compiled or loaded for the run, None where the framework has them all from the start.
        seconds: wall time of the run.
        failure: why the reading is not usable, or None.
        detail: the traceback or output behind a failure.

    """

    targets: dict[str, float] = field(default_factory=dict)
    not_scalar: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    calls: tuple[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]], ...] = ()
    gradients: dict[str, Pulled] = field(default_factory=dict)
    pieces: tuple[PulledAt, ...] = ()
    kernels: int | None = None
    seconds: float = 0.0
    failure: str | None = None
    detail: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reading:
        """Rebuild a reading from a worker's reply or the cache. Raises KeyError or TypeError when it is none."""

        def rows(entry: dict[str, Any], part: str) -> tuple[Comparison, ...] | None:
            return tuple(Comparison(**row) for row in entry[part]) if entry.get(part) is not None else None

        watched = {
            site: Watched(
                rows(entry, "inputs") or (),
                rows(entry, "output") or (),
                rows(entry, "exact"),
                rows(entry, "exact_inputs"),
            )
            for site, entry in data.get("watched", {}).items()
        }
        calls = tuple(
            (str(site), tuple((str(path), tuple(shape)) for path, shape in outputs))
            for site, outputs in data.get("calls", ())
        )
        return cls(
            targets={str(k): float(v) for k, v in data.get("targets", {}).items()},
            not_scalar=dict(data.get("not_scalar", {})),
            receipts={k: [v] if isinstance(v, str) else list(v) for k, v in data.get("receipts", {}).items()},
            standing={str(k): str(v) for k, v in data.get("standing", {}).items()},
            watched=watched,
            calls=calls,
            gradients={str(name): Pulled(**row) for name, row in data.get("gradients", {}).items()},
            pieces=tuple(PulledAt(**{**row, "gradient": Pulled(**row["gradient"])}) for row in data.get("pieces", ())),
            kernels=data.get("kernels"),
            seconds=float(data.get("seconds", 0.0)),
            failure=data.get("failure"),
        )
