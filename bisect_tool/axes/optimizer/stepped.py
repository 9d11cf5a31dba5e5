"""Parameters after the step on both sides, what of it is more than rounding, and what the steps consist of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from bisect_tool.axes.optimizer.update_rules import Array, Fit, Rule
from bisect_tool.worker.arrays import slopes

EPSILON = 2.0**-23
# A side's step may be off by this many roundings of what it adds up. Faithful steps of torch's and Jittor's SGD are
# apart by one at most (SGD of both recipes, 569 parameters with a gradient, two steps each).
ROUNDINGS = 4
TINY = 1e-36  # numbers next to float32's smallest: -Ofast makes them zero
HUGE = 1e36  # next to its largest: one side may overflow
MOST = 512  # numbers of a parameter that are kept for naming the cause: so many that tell most, and so many spread
Values: TypeAlias = npt.NDArray[Any]
Side: TypeAlias = Literal["reference", "port"]


@dataclass(frozen=True)
class Stepped:
    """A parameter before and after the step, on both sides.

    name: the reference's.
    start, gradient: what both sides were given, see ``slopes``; no gradient says nothing.
    reference, port: the values after each of two steps, None where the optimizer has it in no group.
    """

    name: str
    start: Values
    gradient: Values | None
    reference: Sequence[Values] | None
    port: Sequence[Values] | None


@dataclass(frozen=True, eq=False)
class Apart:
    """Numbers of a parameter that is apart after the step by more than rounding.

    Attributes: ``name``, ``start``, ``gradients`` (of each step), ``reference`` and ``port`` (after each step), and by how
    much of the reference's update the whole parameter is ``off`` after each step.
    """

    name: str
    start: Array
    gradients: list[Array]
    reference: list[Array]
    port: list[Array]
    off: list[float]

    def after(self, side: Side) -> list[Array]:
        """Return what a side has after each step."""
        return self.reference if side == "reference" else self.port

    def rounding(self, side: Side) -> list[Array]:
        """Return by how much a side's values may be off after each step."""
        return allowed(self.start, self.after(side))

    def taken_by(self, rule: Rule, side: Side) -> bool:
        """Tell whether a rule takes this side's steps."""
        with np.errstate(all="ignore"):
            expected = rule.steps(self.start, self.gradients)
        return _close(self.after(side), expected, self.rounding(side))

    def tells(self, one: Rule, other: Rule) -> bool:
        """Tell whether two rules' steps differ by more than both sides' rounding."""
        with np.errstate(all="ignore"):
            left, right = (rule.steps(self.start, self.gradients) for rule in (one, other))
        return not _close(left, right, [2 * a for a in allowed(self.start, left)])

    def unmoved(self, side: Side) -> bool:
        """Tell whether a side left the parameter as it was."""
        return all(np.array_equal(values, self.start) for values in self.after(side))


def allowed(start: Array, after: Sequence[Array]) -> list[Array]:
    """Return by how much the values after each step may be off on one side."""
    sizes = np.cumsum(np.abs([start, *after]), axis=0)[1:]
    return [ROUNDINGS * EPSILON * size + TINY for size in sizes]


def apart(pair: Stepped) -> Apart | None:
    """Return a parameter's numbers where its two sides are apart by more than rounding."""
    if pair.gradient is None or pair.reference is pair.port is None:
        return None
    start, gradients = _flat(pair.start), [_flat(values) for values in slopes.of_steps(np.asarray(pair.gradient))]
    count = len(pair.reference or pair.port or ())
    ours, theirs = ([_flat(v) for v in side] if side else [start] * count for side in (pair.reference, pair.port))
    known = np.all(np.abs([start, *gradients, *ours]) < HUGE, axis=0)  # false for what is no number, too
    if not np.any(known):
        return None
    start = start[known]
    gradients, ours, theirs = ([values[known] for values in some] for some in (gradients, ours, theirs))
    with np.errstate(all="ignore"):
        excess = [np.abs(b - a) / (2 * r) for a, b, r in zip(ours, theirs, allowed(start, ours), strict=True)]
        worst = np.nan_to_num(np.max(excess, axis=0), nan=np.inf)
        off = [_rms(b - a) / (_rms(a - start) or 1.0) for a, b in zip(ours, theirs, strict=True)]
    if not np.any(worst > 1):
        return None
    chosen = np.union1d(np.argsort(worst)[-MOST:], np.arange(0, worst.size, -(-worst.size // MOST)))
    gradients, ours, theirs = ([values[chosen] for values in some] for some in (gradients, ours, theirs))
    return Apart(pair.name, start[chosen], gradients, ours, theirs, off)


def fit(parameters: Iterable[Apart], side: Side) -> Fit | None:
    """Return what a side's steps consist of by least squares, None where they hold what is no number."""
    rows = [(p.start, p.gradients, p.after(side), p.rounding(side)) for p in parameters]
    found = []
    with np.errstate(all="ignore"):
        for step in range(slopes.STEPS):
            weight = np.concatenate([1 / rounding[step] for _, _, _, rounding in rows])
            moved = np.concatenate([after[step] - [start, *after][step] for start, _, after, _ in rows])
            parts = ([start, *gradients[: step + 1]] for start, gradients, _, _ in rows)
            columns = np.concatenate([np.stack(some, axis=1) for some in parts])
            found.append(solved(-columns * weight[:, None], moved * weight))
    if any(each is None for each in found):
        return None
    (b1, *a1), (b2, *a2) = (map(float, each) for each in found if each is not None)
    return Fit((sum(a1), sum(a2)), (b1, b2))


def solved(columns: Array, values: Array) -> Array | None:
    """Return how much of each column makes the values, None where that cannot be computed."""
    scale = np.sqrt((columns * columns).sum(axis=0))
    if not np.all(np.isfinite(scale)) or not np.all(np.isfinite(values)):
        return None
    scale[scale == 0] = 1
    found: Array = np.linalg.lstsq(columns / scale, values, rcond=1e-12)[0] / scale
    return found


def _flat(values: Values) -> Array:
    return np.asarray(values, np.float64).reshape(-1)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values * values)))


def _close(values: Sequence[Array], expected: Sequence[Array], rounding: Sequence[Array]) -> bool:
    with np.errstate(all="ignore"):
        return all(
            bool(np.all((np.abs(v - e) <= r) & np.isfinite(r)))
            for v, e, r in zip(values, expected, rounding, strict=True)
        )
