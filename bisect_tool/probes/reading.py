"""What one probe gave: numbers and comparisons, no tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from bisect_tool.sites import Site, buffer_of
from bisect_tool.worker.failures import GivenPullError

Kernels = Annotated[int, Field(ge=0, le=1 << 53)]
EXACTLY = ConfigDict(extra="forbid")  # a row of a worker has these fields and no others


@dataclass(frozen=True)
class Comparison:
    """One watched tensor against the reference's.

    Attributes: ``error`` (relative), ``mismatch`` (why there is no error), ``missing`` (the port passes no such
    tensor, which alone says nothing), ``variation`` (max - min of the port's own values, within a channel),
    ``misplaced`` (how many elements of a variable are wholly wrong, whatever their share).
    """

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
    path: str
    error: float | None = None
    mismatch: str | None = None
    missing: bool = False
    variation: float | None = None
    misplaced: int = 0

    def __post_init__(self) -> None:
        if self.error is None and self.mismatch is None and not self.missing:
            raise ValueError(f"a comparison that says nothing of {self.path!r}")
        if self.error is not None and self.error < 0:
            raise ValueError(f"an error below zero of {self.path!r}")

    def exceeds(self, tolerance: float) -> bool:
        """Tell whether the tensor is off by more than a relative tolerance, or does not compare at all."""
        if self.missing:
            return False
        return self.mismatch is not None or self.error is None or not self.error <= tolerance


@dataclass(frozen=True)
class Watched:
    """A watched call: its inputs and its output, compared.

    Attributes: ``exact`` is the output computed in float64, where asked; ``exact_inputs`` are the inputs that the call
    around it hands it in float64, where that was asked. A row of a forced pass has more: ``call`` is the port's own call,
    ``around`` the recorded call that makes it in the port (None: ``step``), ``unknown_inputs`` and ``unknown_output`` are parts
    without a partner, or in a form that nothing shows, ``masks`` says of each input that is a mask of another kind which one it is and how it
    is read, ``handed_on`` (the unknown inputs are what the code around it was handed itself, on both sides),
    ``failed`` is what it raised; among its inputs and its output are the buffers of its module, and of those in it, when it
    began and when it ended: their paths begin with ``sites.BUFFER``.
    """

    inputs: tuple[Comparison, ...] = ()
    output: tuple[Comparison, ...] = ()
    exact: tuple[Comparison, ...] | None = None
    exact_inputs: tuple[Comparison, ...] | None = None
    call: str | None = None
    around: str | None = None
    unknown_inputs: tuple[str, ...] = ()
    masks: Mapping[str, str] = field(default_factory=dict)
    unknown_output: tuple[str, ...] = ()
    handed_on: bool = False
    failed: str | None = None

    def knowing(self, masks: Collection[str]) -> Watched:
        """Return it with these masks known, as another call showed them to be read."""
        known = {path for path, mask in self.masks.items() if mask in masks}
        return dataclasses.replace(
            self, unknown_inputs=tuple(name for name in self.unknown_inputs if name not in known)
        )


@dataclass(frozen=True)
class Pulled:
    """One gradient against the reference's.

    Attributes: ``none`` (no path leads there), ``rms`` and ``reference`` (None: no path leads there), ``apart`` (rms of the
    difference), ``ratio`` (of what lies along the reference's), ``lost`` (places of ``size`` where it is 0 and the
    reference's is not), ``mismatch`` (why there is nothing to compare), ``norm`` (where it is a parameter's, of all its
    numbers).
    """

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
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

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
    site: str
    part: Literal["inputs", "output", "state", "call"]
    path: str
    exact: bool
    gradient: Pulled


@dataclass(frozen=True)
class KeptDraw:
    """Random numbers that the port drew in a call (or ``step``) by itself: ``own`` says which, ``recorded`` the reference's there.

    ``law`` is the name of the law; ``recorded`` is None where the reference draws nothing.
    """

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
    site: str
    law: str
    own: str
    recorded: str | None


@dataclass(frozen=True)
class Draws:
    """The random numbers of a run: how many draws were ``given`` the reference's by call, and those that were not."""

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
    given: dict[str, int] = field(default_factory=dict)
    kept: tuple[KeptDraw, ...] = ()


@dataclass(frozen=True)
class Failed:
    """How the port's own code raised in a run; ``where`` is file:line, the last place in the user's code, if it was there."""

    __pydantic_config__: ClassVar[ConfigDict] = EXACTLY
    phase: str
    type: str
    message: str
    where: str | None
    traceback: str

    @property
    def pulls(self) -> bool:
        """Tell whether ``step`` takes gradients itself, which ends a run where it comes to values that were given."""
        return self.type == GivenPullError.__name__

    def same_place(self, other: Failed) -> bool:
        """Tell whether another run raised the same at the same line."""
        return (self.type, self.where) == (other.type, other.where)


@dataclass(frozen=True)
class Reading:
    """What one probe gave.

    Attributes:
        targets: the scalars that ``step`` returned.
        receipts: for each patched site the hashes of what the port consumed there.
        standing: for a patched parameter whose module was not called, the hash of what it held after the run.
        watched: comparisons by site.
        calls: the sites that were computed, in order, with (path, shape) of their outputs.
        left: in a forced pass, how far the buffers are off at the end of the step.
        digests: of what each call gave, where the port ran as it is and its worker tells.
        draws: what became of the random numbers that were drawn.
        transformed: modules that were called inside functional transforms, where nobody can look at values.
        unread: patched parameters that no operation read, although their module was called: its code reads other tensors.
        gradients: each parameter's, in a run with a whole backward pass.
        pieces: what each call makes of the reference's gradients, in a run with a backward pass in pieces.
        unsure: the calls (and ``step``) whose pieces cannot be compared, since what a call is handed there is not known to be the same.
        kernels: kernels that were compiled or loaded for the run, None where the framework has them all from the start.
        seconds: wall time of the run.
        failure: why the reading is not usable, or None.
        failed: how the port raised in the run; the reading has what there is up to there, and no targets.
        detail: the traceback or output behind a failure.

    """

    targets: dict[str, float] = field(default_factory=dict)
    not_scalar: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    watched: dict[str, Watched] = field(default_factory=dict)
    calls: tuple[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]], ...] = ()
    left: tuple[Comparison, ...] = ()
    draws: Draws = field(default_factory=Draws)
    digests: dict[str, str] = field(default_factory=dict)
    transformed: tuple[str, ...] = ()
    unread: tuple[Site, ...] = ()
    gradients: dict[str, Pulled] = field(default_factory=dict)
    pieces: tuple[PulledAt, ...] = ()
    unsure: tuple[Site, ...] = ()
    kernels: Kernels | None = None
    seconds: float = 0.0
    failure: str | None = None
    failed: Failed | None = None
    detail: str = ""

    @property
    def buffers(self) -> frozenset[Site]:
        """Return the buffers of which a forced pass has rows."""
        rows = [row for seen in self.watched.values() for row in (*seen.inputs, *seen.output)]
        return frozenset(name for row in (*rows, *self.left) if (name := buffer_of(row.path)) is not None)

    def without_buffers(self, names: Collection[Site]) -> Reading:
        """Return it without what it says of some buffers."""
        watched = {
            site: dataclasses.replace(seen, inputs=without(seen.inputs, names), output=without(seen.output, names))
            for site, seen in self.watched.items()
        }
        return dataclasses.replace(self, watched=watched, left=without(self.left, names))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reading:
        """Rebuild a reading from a worker's reply or the cache. Raises ValueError or AttributeError when it is none."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        receipts = {site: [one] if isinstance(one, str) else one for site, one in data.get("receipts", {}).items()}
        return _READING.validate_python({**known, "receipts": receipts})


def without(rows: tuple[Comparison, ...], buffers: Collection[Site]) -> tuple[Comparison, ...]:
    """Return comparisons without those of some buffers."""
    return tuple(row for row in rows if buffer_of(row.path) not in buffers)


_READING = TypeAdapter(Reading)
