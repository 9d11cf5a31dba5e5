"""What is said of parameters that start by another law than the reference's, those alike in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bisect_tool.checks.initial.distributions import TINY, Law
from bisect_tool.sentences.spelling import listed

MOST_GROUPS = 3  # of one kind, each with a ratio of its own: more are told in one sentence
RATIOS = {"sqrt(2)": math.sqrt(2), "sqrt(3)": math.sqrt(3), "2": 2.0, "sqrt(6)": math.sqrt(6), "3": 3.0, "10": 10.0}
HINTS = {"sqrt(2)": " (another gain, or another fan?)", "sqrt(3)": " (a bound for a standard deviation?)"}

Kind = Literal[
    "equal", "same law", "constant", "not finite", "default", "other values", "law", "scale", "mean", "shape", "unknown"
]


@dataclass(frozen=True)
class Start:
    """How one parameter starts. ``test`` says what tells the two laws apart, where something does."""

    site: str
    kind: Kind
    port: Law | None = None
    reference: Law | None = None
    test: str = ""


class Factor(NamedTuple):
    """A ratio: a usual factor that it fits (``sqrt(2)``, and which way), or none and the ratio to one digit."""

    name: str
    larger: bool | None = None


class Trait(NamedTuple):
    """What several parameters may have in common: the names of both laws, formulas that fit them, how far they are apart."""

    kind: Kind
    port: str = ""
    reference: str = ""
    port_formula: str = ""
    reference_formula: str = ""
    factor: Factor | None = None

    @property
    def precise(self) -> int:
        """Return how many formulas it names."""
        return bool(self.port_formula) + bool(self.reference_formula)


def grouped(starts: Sequence[Start]) -> list[list[Start]]:
    """Gather parameters of which the same can be said: what most have in common first, then the most precise words."""
    left, groups = list(starts), []
    while left:
        counts: dict[Trait, list[Start]] = {}
        for start in left:
            for trait in _traits(start):
                counts.setdefault(trait, []).append(start)
        group = counts[max(counts, key=lambda trait: (len(counts[trait]), trait.precise))]
        groups.append(group)
        left = [start for start in left if start not in group]
    return _merged(groups)


def _merged(groups: Sequence[list[Start]]) -> list[list[Start]]:
    """Put groups into one that differ in their formulas and ratios alone, where they are many."""
    kinds: dict[tuple[str, ...], list[list[Start]]] = {}
    for group in groups:
        trait = _traits(group[0])[-1]
        kinds.setdefault((trait.kind, trait.port, trait.reference), []).append(group)
    return [
        merged
        for alike in kinds.values()
        for merged in ([[start for group in alike for start in group]] if len(alike) > MOST_GROUPS else alike)
    ]


def _traits(start: Start) -> list[Trait]:
    if start.kind in ("not finite", "other values") or start.port is None or start.reference is None:
        return [Trait(start.kind)]
    ours = "default" if start.kind == "default" else start.port.name or start.reference.name
    names = Trait(start.kind, ours, start.reference.name)
    ports, references = start.port.formulas, start.reference.formulas
    traits = [names._replace(port_formula=p, reference_formula=r) for p in ports for r in references]
    traits += [names._replace(reference_formula=r) for r in references]
    traits += [names._replace(port_formula=p) for p in ports if start.kind != "default"]
    if start.kind in ("law", "default", "shape"):
        return [*traits, names]
    ratio = start.port.sample.std / start.reference.sample.std
    return [*traits, names._replace(factor=_factor(ratio, start.port.sample.size))]


def _factor(ratio: float, size: int) -> Factor:
    larger = max(ratio, 1 / max(ratio, TINY))
    near = [word for word, value in RATIOS.items() if abs(larger / value - 1) < min(0.05, 0.005 + 2 / math.sqrt(size))]
    return Factor(near[0], ratio > 1) if near else Factor(f"{ratio:.1g}")


def message(group: Sequence[Start]) -> str:
    """Say how the port's parameters start, how the reference's do, and the test that tells it."""
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
    factors = {_factor(ratio, port.size) for ratio, (port, _) in zip(ratios, pairs, strict=True)}
    factor = factors.pop()
    if factors or factor.larger is None:
        return f": {_range(ratios)} times the reference's"
    return f": {factor.name} times {'larger' if factor.larger else 'smaller'}{HINTS.get(factor.name, '')}"


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
