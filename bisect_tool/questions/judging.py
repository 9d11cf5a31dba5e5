"""How far a watched call is off in a reading, and what rounding explains there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading
from bisect_tool.questions.tolerance import SAFETY
from bisect_tool.sites import Site

EVERYTHING = "everything patched, each site computed"


def floor_of(trace: Trace, site: Site) -> float:
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


def exact_error_of(reading: Reading, site: Site) -> float | None:
    """Return how far a call's output is off in float64, None where its code does not run in it, or was not asked to."""
    watched = reading.watched.get(site)
    return None if watched is None or watched.exact is None else largest(watched.exact)


def largest(comparisons: Iterable[Comparison]) -> float:
    """Return the largest relative error of some tensors, infinity where one does not compare."""
    errors = (math.inf if c.mismatch else c.error or 0.0 for c in comparisons)
    return max((math.inf if math.isnan(error) else error for error in errors), default=0.0)


def worst(comparisons: Sequence[Comparison]) -> str:
    """Say how far the worst of some tensors is off."""
    mismatch = next((c.mismatch for c in comparisons if c.mismatch), None)
    if mismatch:
        return mismatch
    error = largest(comparisons)
    if error >= 10:
        return f"a value that is off by {error:.3g} times its size"
    return f"a value that is off by {error:.2%}" if error >= 1e-4 else f"a value that is off by {error:.1e} (relative)"
