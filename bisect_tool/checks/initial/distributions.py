"""Samples of numbers, and the tests that tell by their statistics whether two are drawn from one law."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.sentences.spelling import counted

LEVEL = 0.001  # of one false word about a faithful port, over all its parameters
TESTS = 4  # of one parameter: mean, standard deviation, extremes, quantiles
FURTHER = 3.0  # times as far off as the farthest of the reference's own seeds
MOOT = 0.01  # less than this share of the spread is of no consequence, however surely it is seen
TINY = 1e-300
SURE_OF_NAME = 2000  # numbers that a law is named by before it is held to its farthest ones
NORMAL = statistics.NormalDist()
KURTOSIS = {"uniform": 1.8, "normal": 3.0}
HEAVY = 9.0  # kurtosis of a law without a name: more than a usual law's, so that it is not accused


@dataclass(frozen=True)
class Sample:
    """Statistics of numbers drawn from one law; ``size`` is how many, ``sampled`` how many the quantiles are of."""

    size: int
    sampled: int
    mean: float
    std: float
    low: float
    high: float
    quantiles: tuple[float, ...] | None


@dataclass(frozen=True)
class Law:
    """What a sample says of its law. Attributes: ``name`` ("" where it is not told), ``formulas`` that its spread fits."""

    name: str
    sample: Sample
    formulas: tuple[str, ...]


def pooled(seeds: Sequence[Sample]) -> Sample:
    """Return the statistics of all seeds' numbers together; the quantiles are the seeds' mean ones."""
    mean = statistics.fmean(s.mean for s in seeds)
    variance = statistics.fmean(s.std**2 + (s.mean - mean) ** 2 for s in seeds)
    rows = [s.quantiles for s in seeds if s.quantiles is not None]
    return Sample(
        sum(s.size for s in seeds),
        sum(s.sampled for s in seeds),
        mean,
        math.sqrt(variance),
        min(s.low for s in seeds),
        max(s.high for s in seeds),
        tuple(statistics.fmean(column) for column in zip(*rows, strict=True)) if len(rows) == len(seeds) else None,
    )


def accusation(port: Sample, seeds: Sequence[Sample], reference: Law, tested: int) -> str:
    """Return the test that tells the port's law from the reference's, "" where none does."""
    level = LEVEL / (TESTS * tested)
    critical = NORMAL.inv_cdf(1 - level / 2)
    whole, name = reference.sample, reference.name if reference.sample.size >= SURE_OF_NAME else ""
    words = f"allowed at level {LEVEL:g} for {counted(tested, 'parameter')}"
    if port.size < 2:
        return ""
    kurtosis = KURTOSIS.get(name, HEAVY if len(seeds) > 1 else 3.0)
    runs = (port, *seeds)
    spreads = [(math.log(max(s.std, TINY) / whole.std), spread_z(s, whole, kurtosis)) for s in runs]
    means = [((s.mean - whole.mean) / whole.std, mean_z(s, whole)) for s in runs]
    for test, found in (("F test of the variance", spreads), ("t test of the mean", means)):
        z = _sureness(found, named=bool(name))
        if abs(z) > critical:
            return f"{test}: z = {z:.3g}, {critical:.2g} {words}"
    off, allowed = distance(port, whole), _distance_allowed(port, seeds, whole, level)
    if off > allowed:
        return f"Kolmogorov-Smirnov: distance {off:.2g} at 17 quantiles, {allowed:.2g} {words}"
    p = extremes_p(port, reference)
    if not name or p >= level or not (_independent(spreads[1:]) and _farther(runs, whole)):
        return ""
    return f"farthest number: probability {f'{p:.1g}' if p > 1e-12 else 'under 1e-12'}, {level:.1g} {words}"


def _distance_allowed(port: Sample, seeds: Sequence[Sample], whole: Sample, level: float) -> float:
    own = max((distance(s, whole) for s in seeds), default=0.0) if len(seeds) > 1 else 0.0
    sampling = math.sqrt(math.log(2 / level) / 2 * (1 / port.sampled + 1 / whole.sampled))
    return max(sampling, FURTHER * own, MOOT)


def _farther(runs: Sequence[Sample], whole: Sample) -> bool:
    far = [math.log(max(s.high - whole.mean, whole.mean - s.low, TINY) / whole.std) for s in runs]
    return abs(far[0] - statistics.fmean(far[1:])) > MOOT and _further(far[0], far[1:])


def _independent(own: Sequence[tuple[float, float]]) -> bool:
    """Tell whether the reference's seeds vary no more than twice as much (in variance) as independent draws would."""
    return len(own) < 2 or statistics.fmean(deviate**2 for _, deviate in own) <= 2


def _sureness(runs: Sequence[tuple[float, float]], *, named: bool) -> float:
    """Return how surely the first of some runs is off, as a standard normal deviate; 0 where it is not or of no consequence.

    A run is (how far it is off, the deviate that independent draws of the law make of it); those behind the first are the
    reference's own. Where they vary twice as much as independent draws would, or the law has no name, what they vary by
    is the yardstick: Student's t.
    """
    (moved, z), *own = runs
    others = [value for value, _ in own]
    if abs(moved) <= MOOT or not _further(moved, others):
        return 0.0
    if len(own) < 2 or (named and _independent(own)):
        return z
    error = max(statistics.stdev(others), TINY) * math.sqrt(1 + 1 / len(own))
    return min(z, _as_normal((moved - statistics.fmean(others)) / error, len(own) - 1), key=abs)


def _as_normal(t: float, degrees: int) -> float:
    """Return Student's t as a normal deviate: Wallace (1959), Bounds on normal approximations to Student's t."""
    z = (8 * degrees + 1) / (8 * degrees + 3) * math.sqrt(degrees * math.log1p(t * t / degrees))
    return math.copysign(z, t)


def spread_z(port: Sample, reference: Sample, kurtosis: float) -> float:
    """Return how surely two standard deviations differ, as a standard normal deviate.

    Paulson (1942), An approximate normalization of the analysis of variance distribution, for the ratio of the
    variances; degrees of freedom times 2 / (kurtosis - 1), Box (1953), Non-normality and tests on variances. Few
    numbers count as normal ones, where they vary less: the correction holds for many.
    """
    share = 2 / (max(kurtosis, 3.0 if port.size < 64 else 0.0) - 1)
    ours, theirs = 2 / (9 * share * (port.size - 1)), 2 / (9 * share * max(1, reference.size - 1))
    unbiased = (port.std / reference.std) ** 2 * port.size / (port.size - 1)
    root = math.pow(unbiased, 1 / 3)
    return (root * (1 - theirs) - (1 - ours)) / math.sqrt(root**2 * theirs + ours)


def mean_z(port: Sample, reference: Sample) -> float:
    """Return how surely two means differ, as a standard normal deviate.

    Student's t with the larger of the two spreads.
    """
    degrees = reference.size - 1 if reference.std >= port.std else port.size - 1
    std = max(reference.std, port.std)
    t = (port.mean - reference.mean) / (std * math.sqrt(1 / port.size + 1 / reference.size))
    return _as_normal(t, degrees)


def distance(sample: Sample, reference: Sample) -> float:
    """Return the Kolmogorov-Smirnov distance of a sample from a reference, as far as their quantiles show it.

    The reference's distribution function is linear between its quantiles. Under one law a distance d is exceeded with
    probability 2 exp(-2 n d²) at most: Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality.
    """
    if sample.quantiles is None or reference.quantiles is None:
        return 0.0
    levels = [(k + 1) / (len(sample.quantiles) + 1) for k in range(len(sample.quantiles))]
    values = (reference.low, *reference.quantiles, reference.high)
    return max(abs(_cumulative(values, q) - level) for q, level in zip(sample.quantiles, levels, strict=True))


def _cumulative(values: Sequence[float], x: float) -> float:
    if x < values[0]:
        return 0.0
    place = bisect_right(values, x)
    if place == len(values):
        return 1.0
    low, high = values[place - 1], values[place]
    return (place - 1 + (x - low) / (high - low)) / (len(values) - 1)


def extremes_p(port: Sample, reference: Law) -> float:
    """Return how likely the port's farthest number is under the reference's law, where that has a name.

    n independent numbers all lie within r with probability F(r)^n; a uniform law's bound is beyond the farthest of m
    by a share s of it with probability (1 - s)^m.
    """
    whole = reference.sample
    far = max(port.high - whole.mean, whole.mean - port.low) / whole.std
    if reference.name == "normal":
        return 2 * min(all_within(far, port.size), 1 - all_within(far, port.size))
    if reference.name == "uniform":
        known = max(whole.high - whole.mean, whole.mean - whole.low) / whole.std
        beyond = far / known - 1 - 1e-6
        return 1.0 if beyond <= 0 else math.exp(-beyond * whole.size)
    return 1.0


def all_within(far: float, count: int) -> float:
    """Return how likely as many standard normal numbers all lie within ``far`` of zero."""
    outside = math.erfc(far / math.sqrt(2))
    return math.exp(count * math.log1p(-outside)) if outside < 1 else 0.0


def _further(value: float, own: Sequence[float]) -> bool:
    """Tell whether a value lies three times further off than any of the reference's own, where it has several."""
    centre = statistics.fmean(own)
    return len(own) < 2 or abs(value - centre) > FURTHER * max(abs(x - centre) for x in own)
