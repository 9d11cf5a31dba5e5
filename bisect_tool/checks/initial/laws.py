"""The law that each parameter's initial values are drawn from, the port's against the reference's, told by statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.captures.described import StateEntry
from bisect_tool.captures.manifest import StateStatistics
from bisect_tool.checks.initial.distributions import Sample, accusation, pooled
from bisect_tool.checks.initial.law_names import difference, harmless, law
from bisect_tool.checks.initial.law_words import Kind, Start, grouped, message
from bisect_tool.checks.initial.seeds import FEWEST_SEEDS, seed_reaches, varies
from bisect_tool.checks.initial.start import initialisation
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair

SAMPLED = 32768  # of larger tensors, at least so many numbers are behind the quantiles
TOLD = ("not finite", "default", "other values", "law", "scale", "mean", "shape")  # the most telling first


@dataclass(frozen=True)
class LawFinding(Finding):
    """Parameters that are drawn from another law than the reference's.

    ``proves``: their mean or spread is another one; a law of another shape alone (uniform for normal) does no harm.
    """

    proves: bool


def laws(pair: Pair) -> list[LawFinding]:
    """List parameters that are drawn from another law than the reference's, those alike in one finding.

    A faithful port is wrongly listed in one run of a thousand: every test is held to ``distributions.LEVEL`` over the number
    of tests (Bonferroni), and what it measures must lie three times further off than at any of the reference's own seeds.
    """
    found = [start for start in triage(pair) if start.kind in TOLD]
    groups = sorted(grouped(found), key=lambda group: (TOLD.index(group[0].kind), -len(group)))
    return [
        LawFinding("law", tuple(start.site for start in group), message(group), group[0].kind != "shape")
        for group in groups
    ]


def triage(pair: Pair) -> list[Start]:
    """Say of each matched parameter whether it starts as the reference's does."""
    said = {site for finding in initialisation(pair) for site in finding.sites}
    others = pair.reference.spread.state
    drawn = seed_reaches(pair.reference)
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


def sample(entry: StateEntry | StateStatistics, size: int) -> Sample | None:
    """Return the statistics of an entry as a sample, None where it has none."""
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
    seeds = [s for run in runs if (s := sample(run, ours.size)) is not None and math.isfinite(s.std)]
    port = sample(theirs, ours.size)
    fixed = not varies(runs)
    unlike = theirs.size != ours.size or "float" not in ours.dtype
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
    test = accusation(port, seeds, reference, tested)
    if not test:
        return Start(site, "unknown" if len(seeds) == 1 else "same law", found, reference)
    kind: Kind = "other values" if len(seeds) == 1 else difference(found, reference, fans)
    if kind in ("default", "law") and harmless(found.sample, reference.sample):
        kind = "shape"
    return Start(site, kind, found, reference, test)
