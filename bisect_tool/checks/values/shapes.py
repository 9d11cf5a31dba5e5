"""Outputs of another shape whose numbers are the reference's all the same, or a part or a mean of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, as_floats, rms
from bisect_tool.checks.values.layout import other_orders

LEAST = 4  # equal numbers that are no coincidence
MOST_AXES = 5


def other_shape(evidence: Evidence) -> str | None:
    """Say how an output of another shape comes about from the reference's."""
    value, expected = as_floats(evidence.value), as_floats(evidence.expected)
    if value is None or expected is None or value.shape == expected.shape:
        return None
    with np.errstate(all="ignore"):
        for words, guess in _same_size(value, expected):
            if _alike(value, guess, evidence.floor):
                return f"{_shapes(value, expected)}: {words}; the numbers agree"
        for words, ours, guess in _other_size(value, expected):
            if _alike(ours, guess, evidence.floor):
                return f"{_shapes(value, expected)}: {words}"
    return None


def _same_size(value: Array, expected: Array) -> Iterator[tuple[str, Array]]:
    if value.size != expected.size:
        return
    if np.squeeze(value).shape == np.squeeze(expected).shape:
        words = "axes of length 1 are missing" if value.ndim < expected.ndim else "extra axes of length 1"
        yield words if value.ndim != expected.ndim else "axes of length 1 elsewhere", expected.reshape(value.shape)
    if value.ndim == 1:
        yield "flattened", expected.reshape(-1)
    elif value.ndim < expected.ndim:
        yield "flattened in part", expected.reshape(value.shape)
    else:
        yield "reshaped", expected.reshape(value.shape)
    if expected.ndim <= MOST_AXES:
        for order in other_orders(expected.ndim):
            turned = expected.transpose(order)
            axes = ", ".join(map(str, order))
            if turned.shape == value.shape:
                yield f"the axes in the order {axes}{_layout(order)}", turned
            else:
                yield f"the axes in the order {axes}{_layout(order)}, then reshaped", turned.reshape(value.shape)


def _other_size(value: Array, expected: Array) -> Iterator[tuple[str, Array, Array]]:
    """Yield words, what is compared of the port's, and what it would be."""
    for axis in range(expected.ndim):
        before, after = expected.shape[:axis], expected.shape[axis + 1 :]
        if expected.shape[axis] > 1 and value.shape in (before + after, (*before, 1, *after)):
            yield from _reduced(value, expected, axis)
        if (
            value.ndim == expected.ndim
            and value.shape[axis] != expected.shape[axis]
            and value.shape[:axis] + value.shape[axis + 1 :] == before + after
        ):
            yield from _cut(value, expected, axis)
    if value.ndim == expected.ndim:
        pairs = list(zip(value.shape, expected.shape, strict=True))
        if all(theirs in (1, ours) for ours, theirs in pairs):
            yield "repeated along an axis of length 1", value, np.broadcast_to(expected, value.shape)
        elif all(ours in (1, theirs) for ours, theirs in pairs):
            yield "one of several equal parts", np.broadcast_to(value, expected.shape), expected


def _reduced(value: Array, expected: Array, axis: int) -> Iterator[tuple[str, Array, Array]]:
    for name, reduced in (("averaged", np.mean), ("summed", np.sum), ("the maximum", np.max)):
        yield f"{name} over axis {axis}", value, reduced(expected, axis=axis).reshape(value.shape)
    for index in (0, expected.shape[axis] - 1):
        yield f"only index {index} of axis {axis}", value, expected.take(index, axis).reshape(value.shape)


def _cut(value: Array, expected: Array, axis: int) -> Iterator[tuple[str, Array, Array]]:
    ours, theirs = value.shape[axis], expected.shape[axis]
    few, more = min(ours, theirs), abs(ours - theirs)
    if not few:
        return
    verb = "missing" if ours < theirs else "too many"
    for end, start in (("last", 0), ("first", more)):
        left = value if ours == few else value.take(range(start, start + few), axis)
        right = expected if theirs == few else expected.take(range(start, start + few), axis)
        yield f"the {end} {more} of {max(ours, theirs)} along axis {axis} are {verb}; all else agrees", left, right


def _layout(order: tuple[int, ...]) -> str:
    known: dict[tuple[int, ...], str] = {(0, 2, 3, 1): " (channels last)", (0, 3, 1, 2): " (channels first)"}
    return known.get(order, "")


def _alike(value: Array, guess: Array, floor: float) -> bool:
    if value.size < LEAST or value.shape != guess.shape:
        return False
    size = rms(guess)
    if np.unique(guess.reshape(-1)[:4096]).size < LEAST:
        return False
    return rms(value - guess) <= 4 * floor * size


def _shapes(value: Array, expected: Array) -> str:
    return f"has shape {list(value.shape)}, reference {list(expected.shape)}"
