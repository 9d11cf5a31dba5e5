"""What a probe changes, and what it looks at: names only, no tensors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from bisect_tool.sites import Site

REPEATED = 2  # the first run that is asked for by --repeat: one more is always made


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
        aimed: those of the disturbed calls that are disturbed only where their output is off, and by no more than that is.
        shaken: in a forced pass, calls that are handed noise, and in which every call gives noise, while they themselves give the
            reference's value: who goes on with anything else of theirs computes another thing then.
        dissolved: in a forced pass, the calls that compute from the port's own values and pass their own on; None for a run
            that is no forced pass. In a forced pass every call is watched.
        drifting: in a forced pass, the buffers that are the port's own once they were given as the run began.
        point: which run of the reference values are taken of: its own, or that at stirred weights.
        backward: "" for none; "own" and "whole" for a backward pass, with the port's own values or the reference's on the
            way forward; "pieces" for one in which each watched call is pulled back by itself.
        straight: calls whose value is the reference's on the way forward, while gradients go the port's own way.
        pulled: calls whose output takes the reference's gradient, whatever comes after.
        severed: calls whose own code passes the reference's gradients on: to its inputs, and to the calls inside it.
        corrected: calls, or ``step``, to whose own code is added what it lacks of the reference's gradients if it gets these.
        thawed: parameters that take gradients although the port froze them.
        tied: pairs of parameters that the port holds apart: the second is given the gradient of the first too.
        echo: every output is replaced by a copy of itself; nothing may change.
        repeat: tells apart runs that are asked twice on purpose; from ``REPEATED`` on each is run anew, whatever is kept.

    """

    patched: frozenset[Site] = frozenset()
    watched: frozenset[Site] = frozenset()
    kept: frozenset[Site] = frozenset()
    fed: frozenset[Site] = frozenset()
    exact: frozenset[Site] = frozenset()
    disturbed: frozenset[tuple[Site, float]] = frozenset()
    aimed: frozenset[Site] = frozenset()
    shaken: frozenset[Site] = frozenset()
    dissolved: frozenset[Site] | None = None
    drifting: frozenset[Site] = frozenset()
    point: Literal["", "stirred"] = ""
    backward: Literal["", "own", "whole", "pieces"] = ""
    straight: frozenset[Site] = frozenset()
    pulled: frozenset[Site] = frozenset()
    severed: frozenset[Site] = frozenset()
    corrected: frozenset[Site] = frozenset()
    thawed: frozenset[Site] = frozenset()
    tied: frozenset[tuple[Site, Site]] = frozenset()
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

    def disturbing(self, sizes: Mapping[Site, float], aimed: Iterable[Site] = ()) -> Intervention:
        """Return this intervention with more calls disturbed, each by relative noise of a size; see ``aimed``."""
        disturbed, aimed = self.disturbed | frozenset(sizes.items()), self.aimed | frozenset(aimed)
        return dataclasses.replace(self, disturbed=disturbed, aimed=aimed)

    def shaking(self, sites: Iterable[Site]) -> Intervention:
        """Return this intervention with more calls shaken."""
        return dataclasses.replace(self, shaken=self.shaken | frozenset(sites))

    def letting_drift(self, buffers: Iterable[Site]) -> Intervention:
        """Return this intervention with these buffers left to the port in forced passes, and no others."""
        return dataclasses.replace(self, drifting=frozenset(buffers))

    def forcing(self, dissolved: Iterable[Site]) -> Intervention:
        """Return this intervention as a forced pass with some calls dissolved."""
        return dataclasses.replace(self, dissolved=frozenset(dissolved))

    @property
    def anew(self) -> bool:
        """Tell whether no reading of an earlier run answers this: it is asked to see whether the port gives the same once more."""
        return self.repeat >= REPEATED

    @property
    def as_it_is(self) -> bool:
        """Tell whether the port runs as it is: such runs are compared bit for bit."""
        return dataclasses.replace(self, repeat=0) in (Intervention(), Intervention(backward="own"))

    @property
    def key(self) -> str:
        """Return a short hash that stands for this intervention in the cache."""
        forward = (self.patched, self.watched, self.kept, self.fed, self.exact, self.disturbed)
        loose = () if self.dissolved is None else ("forced", *self.dissolved, *self.drifting)
        backward = (self.straight, self.pulled, self.severed, self.corrected, self.thawed, self.tied)
        groups = (*forward, self.aimed, self.shaken, loose, *backward)
        text = json.dumps([*(sorted(group) for group in groups), self.point, self.backward, self.echo, self.repeat])
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
