"""How far from the reference a value may be before it counts as diverged.

Two questions, two tolerances. With the reference's weights a port may be off by what honest rounding does:
measured at record time by runs of the reference in which every layer is off by the worst rounding that any
framework shows. With its own weights it may be anywhere in the reference's spread over seeds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.sentences import ranges

SAFETY = 3.0  # over the largest of four draws; a faithful port stayed below a tenth of it (docs/design.md)
FLOAT32 = 2.0**-23
# Relative: what a few float32 operations in one layer of any framework do to its output (docs/tolerance.md has the measurements).
# A capture that knows the rounding it was measured with says so itself (``noise.rounding``); that one counts then.
ROUNDING = 2e-5
MOST_SUM_ERROR = (
    3e-2  # relative; Jittor's sum of 2**24 numbers, the most that are summed, is off by 2.8e-2: more excuses nothing
)
UNCHECKED = 1e-3  # a call whose code does not run in float64 is suspect only above this

# Student's t, 99.9 % two-sided, by degrees of freedom (any table of the distribution; exact to the digits given).
T_999 = {
    1: 636.62, 2: 31.599, 3: 12.924, 4: 8.610, 5: 6.869, 6: 5.959, 7: 5.408, 8: 5.041, 9: 4.781, 10: 4.587,
    11: 4.437, 12: 4.318, 13: 4.221, 14: 4.140, 15: 4.073, 16: 4.015, 17: 3.965, 18: 3.922, 19: 3.883, 20: 3.850,
    25: 3.725, 30: 3.646,
}  # fmt: skip
LARGEST_LOG = 300.0  # beyond it a range has no end that a float can hold
FEWEST_SEEDS = 4  # below this the interval is too wide to say anything


@dataclass(frozen=True)
class Interval:
    """Where a target may lie and still agree. Attributes: ``low``, ``high``, ``centre`` and ``origin`` in words."""

    low: float
    high: float
    centre: float
    origin: str

    def holds(self, value: float) -> bool:
        """Tell whether a value agrees; a NaN agrees with a reference that is NaN itself."""
        if math.isnan(self.centre):
            return math.isnan(value)
        return value == self.centre or self.low <= value <= self.high

    def off(self, value: float) -> float:
        """Return how far a value lies from the centre over how far it may: up to 1 it agrees."""
        width = self.high - self.centre
        if not (math.isfinite(value) and width > 0):
            return 0.0 if self.holds(value) else math.inf
        return abs(value - self.centre) / width


def code_interval(
    reference: float, noise: float, rounding: float, *, rtol: float | None = None, atol: float | None = None
) -> Interval:
    """Return where a target may lie when the weights are the reference's; an explicit tolerance wins."""
    if rtol is not None or atol is not None:
        width = (rtol or 0.0) * abs(reference) + (atol or 0.0)
        return Interval(reference - width, reference + width, reference, ranges.GIVEN)
    floor = rounding * abs(reference) or 8 * FLOAT32  # the loss's own sums are not perturbed
    width = max(SAFETY * noise, floor)
    origin = ranges.target_rounds(rounding) if width == floor else ranges.every_layer_rounds(SAFETY, rounding)
    return Interval(reference - width, reference + width, reference, origin)


def loss_interval(code: Interval, noise: float, rounding: float) -> Interval:
    """Return where a target may lie when all that goes into the loss is the reference's: only the loss itself rounds."""
    width = min(max(SAFETY * noise, rounding * abs(code.centre), 8 * FLOAT32), code.high - code.centre)
    return Interval(code.centre - width, code.centre + width, code.centre, ranges.LOSS_ALONE)


def start_interval(values: Sequence[float]) -> Interval | None:
    """Return where one more initialisation is expected, from the reference's own: a 99.9 % prediction interval.

    ``mean ± t * s * sqrt(1 + 1/n)`` (Student), of the logarithms where all are positive, as a loss's are: it is skewed, and
    never below zero. It holds the reference's own values. None when there are too few values, one is not finite, or all are the same: that is no spread.
    """
    if len(values) < FEWEST_SEEDS or not all(math.isfinite(v) for v in values) or len(set(values)) == 1:
        return None
    positive = min(values) > 0
    numbers = [math.log(v) for v in values] if positive else list(values)
    mean = statistics.fmean(numbers)
    degrees = len(numbers) - 1
    factor = T_999[max(d for d in T_999 if d <= degrees)]
    width = factor * statistics.stdev(numbers) * math.sqrt(1 + 1 / len(numbers))
    if positive:
        times = math.exp(min(max(width, 8 * FLOAT32), LARGEST_LOG))
        centre = math.exp(mean)
        low, high, origin = centre / times, centre * times, ranges.predicted_factor(len(values), times, centre)
    else:
        width = max(width, 8 * FLOAT32 * abs(mean))
        low, high, centre, origin = mean - width, mean + width, mean, ranges.prediction(len(values))
    return Interval(min(low, *values), max(high, *values), centre, origin)
