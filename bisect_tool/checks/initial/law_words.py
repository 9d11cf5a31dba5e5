"""What is said of parameters that start by another law than the reference's, those alike in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bisect_tool.checks.initial.distributions import TINY, Law
from bisect_tool.finding import listed

MOST_GROUPS = 3  # of one kind, each with a ratio of its own: more are told in one sentence
RATIOS = {"sqrt(2)": math.sqrt(2), "sqrt(3)": math.sqrt(3), "2": 2.0, "sqrt(6)": math.sqrt(6), "3": 3.0, "10": 10.0}
HINTS = {"sqrt(2)": " (another gain, or another fan?)", "sqrt(3)": " (a bound for a standard deviation?)"}

Kind = Literal[
    "equal", "same law", "constant", "not finite", "default", "other values", "law", "scale", "mean", "unknown"
]


@dataclass(frozen=True)
class Start:
    """How one parameter starts. ``test`` says what tells the two laws apart, where something does."""

    site: str
    kind: Kind
    port: Law | None = None
    reference: Law | None = None
    test: str = ""


def grouped(starts: Sequence[Start]) -> list[list[Start]]:
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
