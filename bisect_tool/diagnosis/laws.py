"""The law that each parameter's initial values are drawn from, the port's against the reference's, told by statistics."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bisect_tool.captures.manifest import StateEntry, StateStatistics
from bisect_tool.diagnosis.pair import Pair
from bisect_tool.diagnosis.start import initialisation
from bisect_tool.finding import Finding, counted, listed

LEVEL = 0.001  # of one false word about a faithful port, over all its parameters
TESTS = 4  # of one parameter: mean, standard deviation, extremes, quantiles
FEWEST_SEEDS = 4
FURTHER = 3.0  # times as far off as the farthest of the reference's own seeds
MOOT = 0.01  # less than this share of the spread is of no consequence, however surely it is seen
NO_OTHER_LAW = 1e-6  # a law is named where the other is less likely than this to give such numbers
THIS_LAW = 1e-5
FITS = 1e-2  # chance that numbers fit their own law no better; with their own mean and spread they fit better still
MOST_GROUPS = 3  # of one kind, each with a ratio of its own: more are told in one sentence
SAMPLED = 32768  # of larger tensors, at least so many numbers are behind the quantiles
TINY = 1e-300
SURE_OF_NAME = 2000  # numbers that a law is named by before it is held to its farthest ones
NORMAL = statistics.NormalDist()
SPREAD = {"uniform": math.sqrt(3), "normal": 1.0}  # what is told of a law (bound, standard deviation) over its std
KURTOSIS = {"uniform": 1.8, "normal": 3.0}
HEAVY = 9.0  # kurtosis of a law without a name: more than a usual law's, so that it is not accused
RATIOS = {"sqrt(2)": math.sqrt(2), "sqrt(3)": math.sqrt(3), "2": 2.0, "sqrt(6)": math.sqrt(6), "3": 3.0, "10": 10.0}
HINTS = {"sqrt(2)": " (another gain, or another fan?)", "sqrt(3)": " (a bound for a standard deviation?)"}

Kind = Literal[
    "equal", "same law", "constant", "not finite", "default", "other values", "law", "scale", "mean", "unknown"
]
TOLD = ("not finite", "default", "other values", "law", "scale", "mean")  # the most telling first


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


@dataclass(frozen=True)
class Start:
    """How one parameter starts. ``test`` says what tells the two laws apart, where something does."""

    site: str
    kind: Kind
    port: Law | None = None
    reference: Law | None = None
    test: str = ""


def laws(pair: Pair) -> list[Finding]:
    """List parameters that are drawn from another law than the reference's, those alike in one finding.

    A faithful port is wrongly listed in one run of a thousand: every test is held to ``LEVEL`` over the number of tests
    (Bonferroni), and what it measures must lie three times further off than at any of the reference's own seeds.
    """
    found = [start for start in triage(pair) if start.kind in TOLD]
    groups = sorted(_grouped(found), key=lambda group: (TOLD.index(group[0].kind), -len(group)))
    return [Finding("law", tuple(start.site for start in group), _message(group)) for group in groups]


def triage(pair: Pair) -> list[Start]:
    """Say of each matched parameter whether it starts as the reference's does."""
    said = {site for finding in initialisation(pair) for site in finding.sites}
    others = pair.reference.spread.state
    drawn = any(_varies((e, *others.get(e.name, ()))) for e in pair.reference.described.state if e.kind == "parameter")
    rows = [(ours, theirs) for ours, theirs in pair.state() if ours.kind == "parameter" and theirs.alias_of is None]
    tested = max(1, len(rows))
    weights = {e.name: e.shape for e in pair.port.state}
    return [
        Start(ours.name, "constant")
        if ours.name in said
        else _start(ours, theirs, others.get(ours.name, ()), fan(theirs, weights), tested, drawn=drawn)
        for ours, theirs in rows
    ]


def fan(entry: StateEntry, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int] | None:
    """Return fan in and fan out of a weight, or of the weight that a bias stands beside.

    As torch.nn.init computes them: shape[1] and shape[0], each times the kernel's places.
    """
    around, _, leaf = entry.name.rpartition(".")
    shape = shapes.get(f"{around}.weight" if around else "weight", ()) if leaf == "bias" else entry.shape
    if len(shape) < 2 or not all(shape):
        return None
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def _varies(runs: Iterable[StateEntry | StateStatistics]) -> bool:
    return len({(run.mean, run.std, run.min, run.max) for run in runs}) > 1


def _sample(entry: StateEntry | StateStatistics, size: int) -> Sample | None:
    if entry.mean is None or entry.std is None or entry.min is None or entry.max is None:
        return None
    return Sample(size, min(size, SAMPLED), entry.mean, entry.std, entry.min, entry.max, entry.quantiles)


def _start(
    ours: StateEntry,
    theirs: StateEntry,
    others: Sequence[StateStatistics],
    fans: tuple[int, int] | None,
    tested: int,
    *,
    drawn: bool,
) -> Start:
    if ours.hash is not None and (ours.hash, ours.shape, ours.dtype) == (theirs.hash, theirs.shape, theirs.dtype):
        return Start(ours.name, "equal")
    runs: list[StateEntry | StateStatistics] = [ours, *others]
    seeds = [s for run in runs if (s := _sample(run, ours.size)) is not None and math.isfinite(s.std)]
    port = _sample(theirs, ours.size)
    fixed = not _varies(runs)
    unlike = theirs.size != ours.size or not ours.dtype.startswith("float")
    # Where no parameter varies, the seed does not reach the weights, and nothing is known of their law.
    lawless = len(seeds) < max(FEWEST_SEEDS, len(runs)) or (fixed and not drawn)
    if port is None or unlike or lawless or ours.min == ours.max:
        return Start(ours.name, "unknown")
    return _judged(ours.name, port, seeds[:1] if fixed else seeds, fans, tested)


def _judged(site: str, port: Sample, seeds: Sequence[Sample], fans: tuple[int, int] | None, tested: int) -> Start:
    found, reference = law(port, fans), law(pooled(seeds), fans)
    if not math.isfinite(port.std):
        return Start(site, "not finite", found, reference)
    if not reference.sample.std or port.low == port.high:  # constants are ``initialisation``'s
        return Start(site, "unknown", found, reference)
    test = _accusation(port, seeds, reference, tested)
    if not test:
        return Start(site, "unknown" if len(seeds) == 1 else "same law", found, reference)
    return Start(site, "other values" if len(seeds) == 1 else _kind(found, reference, fans), found, reference, test)


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


# --- what tells two laws apart


def _accusation(port: Sample, seeds: Sequence[Sample], reference: Law, tested: int) -> str:
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
        return 2 * min(_all_within(far, port.size), 1 - _all_within(far, port.size))
    if reference.name == "uniform":
        known = max(whole.high - whole.mean, whole.mean - whole.low) / whole.std
        beyond = far / known - 1 - 1e-6
        return 1.0 if beyond <= 0 else math.exp(-beyond * whole.size)
    return 1.0


def _all_within(far: float, count: int) -> float:
    outside = math.erfc(far / math.sqrt(2))
    return math.exp(count * math.log1p(-outside)) if outside < 1 else 0.0


def _further(value: float, own: Sequence[float]) -> bool:
    """Tell whether a value lies three times further off than any of the reference's own, where it has several."""
    centre = statistics.fmean(own)
    return len(own) < 2 or abs(value - centre) > FURTHER * max(abs(x - centre) for x in own)


# --- what a law is called


def law(sample: Sample, fans: tuple[int, int] | None) -> Law:
    """Name the law of a sample, where one of uniform and normal fits and the other does not."""
    if not 0 < sample.std < math.inf:
        return Law("", sample, ())
    far = max(sample.high - sample.mean, sample.mean - sample.low) / sample.std
    within = _all_within(far, sample.size)
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


def _kind(port: Law, reference: Law, fans: tuple[int, int] | None) -> Kind:
    if _starts_as_default(port.sample, fans) and not _starts_as_default(reference.sample, fans):
        return "default"
    if port.name != reference.name and port.name:
        return "law"
    ratio = port.sample.std / reference.sample.std
    apart = abs(port.sample.mean - reference.sample.mean) / max(port.sample.std, reference.sample.std)
    if apart > max(0.05, 5 / math.sqrt(port.sample.size)):
        return "mean"
    return "scale" if abs(math.log(max(ratio, TINY))) > 0.03 else "law"


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


# --- words


def _grouped(starts: Sequence[Start]) -> list[list[Start]]:
    """Gather parameters of which the same can be said: what most have in common first, then the most precise words."""
    left, groups = list(starts), []
    while left:
        counts: dict[tuple[str, ...], list[Start]] = {}
        for start in left:
            for key in _alike(start):
                counts.setdefault(key, []).append(start)
        key = max(counts, key=lambda key: (len(counts[key]), _precise(key)))
        group = counts[key]
        groups.append(group)
        left = [start for start in left if start not in group]
    return _merged(groups)


def _merged(groups: Sequence[list[Start]]) -> list[list[Start]]:
    """Put groups into one that differ in their formulas and ratios alone, where they are many."""
    kinds: dict[tuple[str, ...], list[list[Start]]] = {}
    for group in groups:
        kinds.setdefault(_alike(group[0])[-1][:3], []).append(group)
    return [
        merged
        for alike in kinds.values()
        for merged in ([[start for group in alike for start in group]] if len(alike) > MOST_GROUPS else alike)
    ]


def _precise(key: tuple[str, ...]) -> int:
    return sum("fan" in word for word in key)


def _alike(start: Start) -> list[tuple[str, ...]]:
    if start.kind in ("not finite", "other values") or start.port is None or start.reference is None:
        return [(start.kind,)]
    ours = "default" if start.kind == "default" else start.port.name or start.reference.name
    names = (start.kind, ours, start.reference.name)
    keys: list[tuple[str, ...]] = [(*names, p, r) for p in start.port.formulas for r in start.reference.formulas]
    keys += [(*names, "reference", r) for r in start.reference.formulas]
    keys += [(*names, "port", p) for p in start.port.formulas if start.kind != "default"]
    if start.kind in ("law", "default"):
        return [*keys, names]
    return [*keys, (*names, _ratio(start.port.sample.std / start.reference.sample.std, start.port.sample.size))]


def _ratio(ratio: float, size: int) -> str:
    """Return a ratio as a usual factor that it fits ("sqrt(2)"), else to two digits."""
    larger = max(ratio, 1 / max(ratio, TINY))
    near = [word for word, value in RATIOS.items() if abs(larger / value - 1) < min(0.05, 0.005 + 2 / math.sqrt(size))]
    return f"{near[0]} {'larger' if ratio > 1 else 'smaller'}" if near else f"{ratio:.1g}"


def _message(group: Sequence[Start]) -> str:
    first = group[0]
    verb = "starts" if len(group) == 1 else "start"
    who = f"{listed([s.site for s in group])}: {verb}"
    port, reference = ([law for s in group if (law := getattr(s, side))] for side in ("port", "reference"))
    theirs = _described(reference)
    if first.kind == "not finite":
        return f"{who} with NaN or infinity, reference {theirs}"
    test = f"{first.test}{f', in {first.site}' if len(group) > 1 else ''}"
    if first.kind == "other values":
        return f"{who} as {_described(port)}, reference as the same values at every seed ({theirs}) ({test})"
    if first.kind == "default":
        bound = _range([math.sqrt(3) * law.sample.std for law in port], "±")
        return f"{who} as the default initialisation (uniform within ±1/sqrt(fan in), {bound}), the reference as {theirs} ({test})"
    return f"{who} as {_described(port)}, reference {theirs}{_hint(group)} ({test})"


def _hint(group: Sequence[Start]) -> str:
    """Say by how much the spread or the mean is off, where that is all that differs."""
    pairs = [(s.port.sample, s.reference.sample) for s in group if s.port and s.reference]
    if group[0].kind == "mean":
        moved = [(port.mean - reference.mean) / reference.std for port, reference in pairs]
        return f": mean off by {_range(moved)} of the reference's standard deviation"
    if group[0].kind != "scale":
        return ""
    ratios = [port.std / reference.std for port, reference in pairs]
    words = {_ratio(ratio, port.size) for ratio, (port, _) in zip(ratios, pairs, strict=True)}
    word = words.pop()
    if words or " " not in word:
        return f": {_range(ratios)} times the reference's"
    return f": {word.replace(' ', ' times ')}{HINTS.get(word.split()[0], '')}"


def _described(laws: Sequence[Law]) -> str:
    """Say what some laws are, with their numbers, and a formula where one fits them all."""
    first = laws[0]
    std = _range([law.sample.std for law in laws])
    shared = [f for f in first.formulas if all(f in law.formulas for law in laws)]
    named = [law.name for law in laws if law.name]
    name = named[0] if len(set(named)) == 1 and 2 * len(named) >= len(laws) else ""
    centred = all(abs(law.sample.mean) < 5 * law.sample.std / math.sqrt(law.sample.size) for law in laws)
    mean = "" if centred and name else f"mean {_range([law.sample.mean for law in laws])} and "
    formula = f" ({' or '.join(shared)})" if shared else ""
    if name == "uniform" and centred:
        return f"uniform within {_range([math.sqrt(3) * law.sample.std for law in laws], '±')}{formula}"
    if name == "uniform" and len(laws) == 1:
        return f"uniform from {first.sample.low:.3g} to {first.sample.high:.3g}"
    what = f"{mean}standard deviation {std}{formula}"
    return f"{name} with {what}" if name else what


def _range(values: Sequence[float], sign: str = "") -> str:
    low, high = f"{sign}{min(values):.3g}", f"{sign}{max(values):.3g}"
    return low if low == high else f"{low} to {high}"
