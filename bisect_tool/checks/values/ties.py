"""Indices that differ only where several numbers are equal, so that either is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import LEAST_BITS, SAMPLE, Array, Evidence, Numbers, check
from bisect_tool.checks.values.pooling import Border, Pair, Pooling, pooled, ways


@dataclass(frozen=True)
class Picks:
    """What two arrays of indices pick from the lines of an input, if indices into those lines is what they are.

    Attributes: ``lines`` (L, N), ``value`` and ``expected`` (L, K), ``where`` in words, ``maps`` (the shape of an input
    map and of the output's, where a line is a map).
    """

    lines: Array
    value: Array
    expected: Array
    where: str
    maps: tuple[Pair, Pair] | None = None


@check
def other_ties(evidence: Evidence, _numbers: Numbers) -> str | None:
    """Say that where indices differ the input holds the same number at both."""
    value, expected = np.asarray(evidence.value), np.asarray(evidence.expected)
    if value.dtype.kind not in "iu" or expected.dtype.kind not in "iu":
        return None
    if min(value.min(), expected.min()) < 0:
        return None
    for index, given in enumerate(map(np.asarray, evidence.inputs)):
        for picks in _readings(given, value, expected) if given.dtype.kind == "f" and given.size else ():
            if _ties(picks, evidence.settings):
                hit = np.count_nonzero(value != expected)
                return (
                    f"has ties broken otherwise: {hit} of {value.size} indices differ{'s' if hit == 1 else ''}, "
                    f"and {evidence.input_name(index)} holds the same number at both {picks.where}"
                )
    return None


def _readings(given: Array, value: Array, expected: Array) -> Iterator[Picks]:
    """Yield what indices of this shape may index: the places along an axis, or of the last two axes."""
    for axis, length in enumerate(given.shape if value.ndim in (given.ndim, given.ndim - 1) else ()):
        sides = value, expected
        if value.ndim < given.ndim:  # the axis was removed
            sides = np.expand_dims(value, axis), np.expand_dims(expected, axis)
        shape = list(sides[0].shape)
        count, shape[axis] = shape[axis], length
        if count <= length and tuple(shape) == given.shape:
            yield Picks(_lines(given, axis), _lines(sides[0], axis), _lines(sides[1], axis), f"along axis {axis}")
    if value.ndim == given.ndim > 2 and value.shape[:-2] == given.shape[:-2]:
        (high, wide), (rows, columns) = given.shape[-2:], value.shape[-2:]
        sides = value.reshape(-1, rows * columns), expected.reshape(-1, rows * columns)
        yield Picks(given.reshape(-1, high * wide), *sides, "in the last two axes", ((high, wide), (rows, columns)))


def _lines(array: Array, axis: int) -> Array:
    return np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


def _ties(picks: Picks, settings: Mapping[str, Any]) -> bool:
    """Tell whether both pick the same numbers, which are those that a sort, a maximum or a pooling gives."""
    length = picks.lines.shape[1]
    if max(picks.value.max(), picks.expected.max()) >= length:
        return False
    ours, theirs = (np.take_along_axis(picks.lines, side.astype(np.intp), 1) for side in (picks.value, picks.expected))
    if not np.array_equal(ours, theirs):
        return False
    found = _is_ordered(picks, theirs) if picks.maps is None else _is_pooled(picks.lines, theirs, *picks.maps, settings)
    return found and _sure(picks.lines, theirs)


def _is_ordered(picks: Picks, numbers: Array) -> bool:
    """Tell whether these are the first numbers of each sorted line, and the port has no index twice."""
    indices, count = np.sort(picks.value, 1), numbers.shape[1]
    if (indices[:, 1:] == indices[:, :-1]).any():
        return False
    ordered = np.sort(picks.lines, 1)
    return any(np.array_equal(numbers, line[:, :count]) for line in (ordered[:, ::-1], ordered))


def _is_pooled(lines: Array, numbers: Array, sides: Pair, out: Pair, settings: Mapping[str, Any]) -> bool:
    """Tell whether these are the largest numbers of the windows of some pooling."""
    maps, found = lines.reshape(-1, *sides), numbers.reshape(-1, *out)

    def fits(way: Pooling, count: int) -> bool:
        guess = pooled(maps[:count], way, out)
        return guess is not None and np.array_equal(guess, found[:count])

    poolings = (way for way in ways(sides, out, settings) if way.kind == "max" and way.border is Border.LEFT_OUT)
    return any(fits(way, 1) and fits(way, len(maps)) for way in poolings)


def _sure(lines: Array, numbers: Array) -> bool:
    """Tell whether chance is excluded: that an index picks its number is worth the more, the fewer in its line are equal."""
    bits, step = 0.0, -(-len(lines) // SAMPLE)
    for line, picked in zip(lines[::step], numbers[::step], strict=True):
        ordered = np.sort(line)
        equal = np.searchsorted(ordered, picked, "right") - np.searchsorted(ordered, picked, "left")
        bits += float(np.log2(line.size / equal).sum())
        if bits >= LEAST_BITS:
            return True
    return False
