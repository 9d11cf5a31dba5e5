"""Where the axes of one value stand in two arrays: in another order, ones more or fewer, neighbours as one, repeated."""

from __future__ import annotations

import itertools
from typing import Callable, Iterator, List, Sequence, Tuple

import numpy as np

from . import Array

MOST_AXES = 5
Shape = Tuple[int, ...]
Form = Callable[[Array], Array]  # of a reference's array: the same as the port writes it


def same(expected: Array) -> Array:
    """Return a value as it is."""
    return expected


def layouts(array: Array, expected: Array) -> Iterator[Form]:
    """Yield ways to write the reference's value in the port's axes; as it is where no way fits.

    Axes change places only where the shapes say so: of a square, a transpose is a fault and no other form. Neighbours may be
    one axis: a map's places in a row.
    """
    broadcast = _broadcast(array.shape, expected)
    if broadcast is not None:
        yield broadcast
        return
    if array.shape == expected.shape or array.size != expected.size or max(array.ndim, expected.ndim) > MOST_AXES:
        yield same
        return
    shape, sides = array.shape, [side for side in array.shape if side != 1]
    theirs = [side for side in expected.shape if side != 1]
    fine, coarse = (theirs, sides) if len(theirs) >= len(sides) else (sides, theirs)
    orders = _orders(fine, coarse)
    if not orders:
        yield same
    for order in orders:
        if fine is theirs:
            yield lambda e, order=order: e.reshape(theirs).transpose(order).reshape(shape)  # type: ignore[misc]
        else:
            split, back = [sides[axis] for axis in order], np.argsort(order)
            yield lambda e, split=split, back=back: e.reshape(split).transpose(back).reshape(shape)  # type: ignore[misc]


def merges(sides: Sequence[int], order: Sequence[int], coarse: Sequence[int], anywhere: int | None = None) -> bool:
    """Tell whether axes that stand in some order are, side by side and each in its own order, the fewer ones.

    One of them may stand ``anywhere`` among those that are merged with it.
    """
    place = 0
    for whole in coarse:
        first, size = place, 1
        while size < whole and place < len(sides):
            size *= sides[place]
            place += 1
        merged = [axis for axis in order[first:place] if axis != anywhere]
        if size != whole or merged != sorted(merged):
            return False
    return place == len(sides)


def _orders(fine: Sequence[int], coarse: Sequence[int]) -> List[Tuple[int, ...]]:
    """Return the orders in which axes can be merged into fewer, or as many; those that are merged stay in their own order."""
    axes = range(len(fine))
    found = [order for order in itertools.permutations(axes) if merges([fine[axis] for axis in order], order, coarse)]
    return [tuple(axes)] if tuple(axes) in found else found


def _broadcast(shape: Shape, expected: Array) -> Form | None:
    """Return how the port writes a value that one of the sides repeats along some axes, None where neither does."""
    sides = list(zip(shape, expected.shape))
    if (
        shape == expected.shape
        or len(shape) != expected.ndim
        or not all(1 in pair or len({*pair}) == 1 for pair in sides)
    ):
        return None
    once = tuple(slice(0, 1) if mine == 1 else slice(None) for mine, _ in sides)
    if not np.array_equal(
        np.broadcast_to(expected[once], expected.shape), expected, equal_nan=expected.dtype.kind == "f"
    ):
        return None
    return lambda e: np.ascontiguousarray(np.broadcast_to(e[once], shape))
