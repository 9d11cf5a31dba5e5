"""How a buffer is updated otherwise: not at all, with another momentum, with the variance divided by another number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bisect_tool.checks.values.evidence import rms, shown
from bisect_tool.sentences import buffers as sentences

Array = npt.NDArray[np.float64]
SAME = 1e-6  # relative; numbers no further apart are the same
LEFT = 0.05  # of the error: what a way of updating may leave unexplained
LEAST = 3  # numbers: of fewer a fitted factor explains anything


@dataclass(frozen=True)
class Update:
    """A buffer before a call, and what the port (``value``) and the reference (``expected``) left in it.

    ``momentum`` is the reference's setting, None where it has none; ``n`` how many numbers of the input belong to one of the
    buffer's, None where that is not known; ``is_variance``: whether it holds variances.
    """

    before: Array
    value: Array
    expected: Array
    momentum: float | None = None
    n: int | None = None
    is_variance: bool = False


def updated_otherwise(update: Update) -> str | None:
    """Say how a buffer is updated, where that explains what the port left in it."""
    before, value, expected = update.before, update.value, update.expected
    if not value.size or not value.shape == expected.shape == before.shape:
        return None
    if not all(np.isfinite(array).all() for array in (before, value, expected)):
        return None
    if _same(value, before):
        return None if _same(expected, before) else sentences.NOT_UPDATED
    first = float(value.reshape(-1)[0])
    if value.size >= LEAST and (value == first).all() and not (expected == expected.reshape(-1)[0]).all():
        return sentences.set_to(shown(first))
    if _same(expected, before):
        return sentences.UPDATED
    return next((words for words, guess in _ways(update) if _explains(update, guess)), None)


def _ways(update: Update) -> Iterator[tuple[str, Array]]:
    """Yield ways to update, in words, each with what it would leave in the buffer."""
    before, step, m = update.before, update.expected - update.before, update.momentum
    variances = list(_variances(update)) if m else []
    for words, other in variances:
        yield words, before + other
    for words, towards in (("", step), *variances):
        times = _times(update.value - before, towards) if step.size >= LEAST else None
        if times is None:
            continue
        also = f", and {words}" if words else ""
        moved = sentences.moved(shown(times))
        if m:
            moved = sentences.momentum(shown(times * m), shown(m), swapped=abs(times * m - (1 - m)) < 1e-3)
        yield moved + also, before + times * towards


def _variances(update: Update) -> Iterator[tuple[str, Array]]:
    """Yield by what else a variance may be divided, in words, each with the step that this makes."""
    m, n = update.momentum, update.n
    if not m or n is None or n < 2 or not update.is_variance:
        return
    taken = update.before + (update.expected - update.before) / m
    for ours, theirs, ratio in (("n", "n - 1", (n - 1) / n), ("n - 1", "n", n / (n - 1))):
        yield sentences.divided_by(ours, theirs, n), m * (ratio * taken - update.before)


def _times(ours: Array, towards: Array) -> float | None:
    """Return how many times one step another one is."""
    size = float(np.sum(towards * towards))
    return float(np.sum(ours * towards)) / size if size > 0 else None


def _explains(update: Update, guess: Array) -> bool:
    rounding = 10 * SAME * rms(update.expected)
    return rms(update.value - guess) <= max(LEFT * rms(update.value - update.expected), min(rounding, LEFT))


def _same(one: Array, other: Array) -> bool:
    return rms(one - other) <= SAME * max(rms(other), 1e-30)
