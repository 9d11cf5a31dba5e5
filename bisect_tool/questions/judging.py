"""How far a watched call is off in a reading, and what rounding explains there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading
from bisect_tool.questions.tolerance import SAFETY
from bisect_tool.sentences import calls
from bisect_tool.sites import Site, buffer_of


@dataclass(frozen=True)
class Deviation:
    """How far a value is off, relatively; infinitely where it does not compare, and ``mismatch`` may say why.

    ``buffer`` is its name where it is no value of a call's but what a buffer holds.
    """

    error: float
    mismatch: str | None = None
    buffer: Site | None = None

    @property
    def words(self) -> tuple[float, str | None, Site | None]:
        """Return what the sentences about it take."""
        return self.error, self.mismatch, self.buffer


def call_floor(trace: Trace, site: Site) -> float:
    """Return the relative error that rounding explains in one call: the reference's own against float64, if larger."""
    return max(trace.rounding, SAFETY * trace.exact.get(site, 0.0))


def inputs_off(reading: Reading, site: Site, trace: Trace) -> bool:
    """Tell whether a watched call was handed other inputs than the reference's."""
    watched = reading.watched.get(site)
    return watched is not None and any(c.exceeds(SAFETY * trace.rounding) for c in watched.inputs)


def error_of(reading: Reading, site: Site) -> float:
    """Return how far a watched call's output is off, infinity where it does not compare."""
    watched = reading.watched.get(site)
    return 0.0 if watched is None else largest(watched.output)


def largest(comparisons: Iterable[Comparison]) -> float:
    """Return the largest relative error of some tensors, infinity where one does not compare."""
    errors = (math.inf if c.mismatch else c.error or 0.0 for c in comparisons)
    return max((math.inf if math.isnan(error) else error for error in errors), default=0.0)


def deviation(comparisons: Sequence[Comparison]) -> Deviation:
    """Return how far the worst of some tensors is off; a buffer only where no value is as bad."""
    one = max(comparisons, key=lambda c: (largest([c]), buffer_of(c.path) is None), default=None)
    return Deviation(0.0) if one is None else Deviation(largest([one]), one.mismatch, buffer_of(one.path))


def worst(comparisons: Sequence[Comparison]) -> str:
    """Say how far the worst of some tensors is off."""
    return calls.value_off(*deviation(comparisons).words)
