"""What the law of a sample is called: uniform or normal, the formula that its spread fits, and how two laws differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from bisect_tool.checks.initial.distributions import KURTOSIS, MOOT, NORMAL, TINY, Law, Sample, all_within

NO_OTHER_LAW = 1e-6  # a law is named where the other is less likely than this to give such numbers
THIS_LAW = 1e-5
FITS = 1e-2  # chance that numbers fit their own law no better; with their own mean and spread they fit better still
ALIKE = 0.05  # of the spread
SPREAD = {"uniform": math.sqrt(3), "normal": 1.0}  # what is told of a law (bound, standard deviation) over its std

Difference = Literal["default", "law", "scale", "mean"]


def law(sample: Sample, fans: tuple[int, int] | None) -> Law:
    """Name the law of a sample, where one of uniform and normal fits and the other does not."""
    if not 0 < sample.std < math.inf:
        return Law("", sample, ())
    far = max(sample.high - sample.mean, sample.mean - sample.low) / sample.std
    within = all_within(far, sample.size)
    edge = math.sqrt(3) * (1 + 8 / math.sqrt(sample.size))
    short = max(0.0, 1 - far / math.sqrt(3) - 4 * math.sqrt(0.2 / sample.size))  # the std has its own error
    uniform = far <= edge and (1 - short) ** sample.size > THIS_LAW and _fits(sample, _uniform)
    normal = min(within, 1 - within) > THIS_LAW and _fits(sample, NORMAL.cdf)
    if uniform and within < NO_OTHER_LAW:
        name = "uniform"
    elif normal and far > edge:
        name = "normal"
    else:
        return Law("", sample, ())
    return Law(name, sample, _formulas(name, sample, fans))


def _uniform(z: float) -> float:
    return min(1.0, max(0.0, 0.5 + z / math.sqrt(12)))


def _fits(sample: Sample, cumulative: Callable[[float], float]) -> bool:
    """Tell whether the quantiles are those of a law with the sample's mean and standard deviation."""
    if sample.quantiles is None:
        return False
    levels = len(sample.quantiles) + 1
    off = max(
        abs(cumulative((q - sample.mean) / sample.std) - (k + 1) / levels) for k, q in enumerate(sample.quantiles)
    )
    return off < math.sqrt(math.log(2 / FITS) / (2 * sample.sampled)) + 0.5 * MOOT


def _formulas(name: str, sample: Sample, fans: tuple[int, int] | None) -> tuple[str, ...]:
    """Return the usual formulas for a bound or a standard deviation that a sample's fits, by its fans.

    The default of Conv and Linear in PyTorch and Jittor (1/sqrt(fan in)); Glorot and Bengio (2010), fan in + fan out;
    He et al. (2015), 2/fan in; LeCun et al. (1998), 1/fan in.
    """
    error = 4 * math.sqrt((KURTOSIS[name] - 1) / (4 * sample.size)) + 1e-3
    if fans is None or abs(sample.mean) > 5 * sample.std / math.sqrt(sample.size) or error > 0.15:
        return ()
    into, out = fans
    top = 3 if name == "uniform" else 1  # a uniform law's bound is sqrt(3) times its standard deviation
    known = {
        "1/sqrt(fan in)": 1 / into,
        f"sqrt({2 * top}/fan in)": 2 * top / into,
        f"sqrt({2 * top}/fan out)": 2 * top / out,
        f"sqrt({2 * top}/(fan in + fan out))": 2 * top / (into + out),
        "1/sqrt(fan out)": 1 / out,
    }
    if top == 3:
        known["sqrt(3/fan in)"] = 3 / into
    told = SPREAD[name] * sample.std
    return tuple(words for words, square in known.items() if abs(told / math.sqrt(square) - 1) < error)


def difference(port: Law, reference: Law, fans: tuple[int, int] | None) -> Difference:
    """Return in what two laws that are told apart differ most tellingly."""
    if _starts_as_default(port.sample, fans) and not _starts_as_default(reference.sample, fans):
        return "default"
    if port.name != reference.name and port.name:
        return "law"
    ratio = port.sample.std / reference.sample.std
    apart = abs(port.sample.mean - reference.sample.mean) / max(port.sample.std, reference.sample.std)
    if apart > max(0.05, 5 / math.sqrt(port.sample.size)):
        return "mean"
    return "scale" if abs(math.log(max(ratio, TINY))) > 0.03 else "law"


def harmless(port: Sample, reference: Sample) -> bool:
    """Tell whether two laws have one mean and one spread, so that a layer which starts by either gives values as large.

    As far as so many numbers tell: by four of their own standard errors.
    """
    ratio, error = max(port.std, TINY) / max(reference.std, TINY), 4 / math.sqrt(port.size)
    near = abs(port.mean - reference.mean) < (ALIKE + error) * reference.std
    return near and abs(math.log(ratio)) < ALIKE + error * math.sqrt(0.5)


def _starts_as_default(sample: Sample, fans: tuple[int, int] | None) -> bool:
    """Tell whether a sample is uniform within ±1/sqrt(fan in): Conv's and Linear's default, weight and bias alike.

    All lie within, the farthest as near the bound as the farthest of so many does, the spread and mean are the law's.
    """
    if fans is None or sample.size < 8:
        return False
    bound = 1 / math.sqrt(fans[0])
    far = max(sample.high, -sample.low) / bound
    error = 5 * math.sqrt(0.2 / sample.size)
    return (
        far <= 1 + 1e-5
        and far > 1 - math.log(1e4) / sample.size
        and abs(sample.std * math.sqrt(3) / bound - 1) < error
        and abs(sample.mean) < 5 * sample.std / math.sqrt(sample.size)
    )
