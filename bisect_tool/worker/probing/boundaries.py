"""A value of the port beside the reference's: which part is which, in which form, and how far each is off.

A part of the port's value is *paired* with one of the reference's: by its path, then by shape and value, then by shape, then
by size. It may be written in another *form*: its axes in another order, ones more or fewer, neighbours as one axis, a mask of
booleans where the other side adds infinities. What finds no partner is *unknown*: nothing is said of it, and the port keeps its own.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ..arrays import Array, measure

ALIKE = 1e-3  # relative; of values that are paired for being the same
MOST_AXES = 5
Form = Callable[[Array], Array]  # of a reference's array: the same as the port writes it
Found = Sequence[Tuple[str, Array]]  # path, value
Shapes = Sequence[Tuple[str, Tuple[int, ...]]]  # path, shape
Read = Callable[[str], Array]
ReadingOf = Callable[[str, Array, str], Optional[int]]  # of a mask's path, value, and partner's key


class Recorded(NamedTuple):
    """One tensor of a recorded value: its path by name, its path in the capture, its key, and its shape."""

    name: str
    path: str
    key: str
    shape: Tuple[int, ...]


class Part(NamedTuple):
    """A part of the port's value, its partner, the partner in the port's form, and how far it is off.

    ``reading`` is the way in which a mask is read that the two sides write in other kinds, None for anything else; ``known``:
    whether it is known to be meant so.
    """

    path: str
    partner: Recorded
    form: Form
    off: Dict[str, Any]
    reading: Optional[int] = None
    known: bool = True


class Compared(NamedTuple):
    """A whole value compared: its parts, and what has no partner: paths of the port's, and recorded tensors."""

    parts: List[Part]
    unknown: List[str]
    missing: List[Recorded]

    def off(self) -> float:
        """Return how far the worst part is off, infinity where one does not compare."""
        return max((part.off.get("error", math.inf) for part in self.parts), default=0.0)


def compare(
    found: Found,
    wanted: Sequence[Recorded],
    read: Read,
    holds: Callable[[Array], bool] = lambda _array: True,
    reading_of: ReadingOf = lambda _path, _array, _key: None,
) -> Compared:
    """Compare the parts of a value of the port with those that the reference recorded.

    ``read`` gives an array by its key; one that the port's framework does not ``hold`` is no partner that it could be given.
    ``reading_of`` tells how a mask is read, from its path, its value and its partner's key, where that is known.
    """
    arrays = dict(found)
    shapes = [(path, array.shape) for path, array in found]
    pairs, _ = paired(shapes, wanted, lambda path, one: is_alike(arrays[path], read(one.key)))
    parts = []
    for path, array in found:
        expected = read(wanted[pairs[path]].key) if path in pairs else None
        if expected is not None and holds(expected):
            parts.append(_part(path, array, wanted[pairs[path]], expected, reading_of))
    compared, taken = {part.path for part in parts}, set(pairs.values())
    return Compared(
        parts,
        [path for path, _ in found if path not in compared],
        [one for index, one in enumerate(wanted) if index not in taken],
    )


def paired(
    found: Shapes, wanted: Sequence[Recorded], alike: Callable[[str, Recorded], bool]
) -> Tuple[Dict[str, int], Set[str]]:
    """Return the index of each path's partner, and the paths of which it is not sure: another pair would do as well.

    ``alike`` tells whether a path has a recorded tensor's values; it is asked where names do not say it.
    """
    by_name = {one.name: index for index, one in enumerate(wanted)}
    shapes = dict(found)
    pairs: Dict[str, int] = {}
    guessed: Set[str] = set()
    for path, shape in found:
        index = by_name.get(path)
        # A position says less than a name: values of another structure may stand in another order.
        if index is not None and not (_is_position(path) and math.prod(shape) != math.prod(wanted[index].shape)):
            pairs[path] = index
    tests: List[Callable[[str, Recorded], bool]] = [
        lambda path, one: shapes[path] == one.shape and alike(path, one),
        lambda path, one: shapes[path] == one.shape,
        lambda path, one: math.prod(shapes[path]) == math.prod(one.shape),
    ]
    for test in tests:
        guessed |= _pair_free(found, wanted, pairs, test)
    for path, _ in found:  # of another shape, and yet what stands in its place
        index = 0 if len(found) == len(wanted) == 1 else by_name.get(path)
        if index is not None and index not in pairs.values():
            pairs.setdefault(path, index)
    return pairs, guessed


def _pair_free(
    found: Shapes, wanted: Sequence[Recorded], pairs: Dict[str, int], test: Callable[[str, Recorded], bool]
) -> Set[str]:
    """Pair what has no partner by a test, in order; return the paths for which more than one pair passes it."""
    free = [index for index in range(len(wanted)) if index not in pairs.values()]
    fits = {path: [i for i in free if test(path, wanted[i])] for path, _ in found if free and path not in pairs}
    for path, places in fits.items():
        partner = next((index for index in places if index not in pairs.values()), None)
        if partner is not None:
            pairs[path] = partner
    rivals = Counter(index for places in fits.values() for index in places)
    return {path for path, places in fits.items() if len(places) > 1 or any(rivals[index] > 1 for index in places)}


def _is_position(path: str) -> bool:
    return path.rpartition(".")[2].isdigit()


def is_alike(array: Array, expected: Array) -> bool:
    """Tell whether two arrays of one shape are the same, as far as values are paired by that."""
    error: float = measure.difference(array, expected).get("error", math.inf)
    return error < ALIKE


def _part(path: str, array: Array, partner: Recorded, expected: Array, reading_of: ReadingOf) -> Part:
    readings = _readings(array, expected)
    known = reading_of(path, array, partner.key) if len(readings) > 1 else 0
    among = range(len(readings)) if known is None or known >= len(readings) else [known]
    tried = [
        (measure.difference(array, form(expected)), form, reading)
        for reading in among
        for form in _forms(array, expected, readings[reading])
    ]
    off, form, reading = min(tried, key=lambda one: one[0].get("error", math.inf))
    return Part(path, partner, form, off, reading if len(readings) > 1 else None, known is not None)


def _same(expected: Array) -> Array:
    return expected


def _readings(array: Array, expected: Array) -> List[Form]:
    """Return the ways to read a mask that is booleans on one side alone: what is true may be kept, or left out."""
    if array.dtype.kind == "b" and expected.dtype.kind == "f":
        return [lambda e: e == 0, lambda e: e != 0]
    if array.dtype.kind == "f" and expected.dtype.kind == "b":
        low = array.min() if array.size else 0.0  # what the port adds where it masks
        return [lambda e: e.astype(array.dtype), lambda e: np.where(e, 0.0, low), lambda e: np.where(e, low, 0.0)]
    return [_same]


def _forms(array: Array, expected: Array, read: Form) -> Iterator[Form]:
    """Yield ways to write the reference's value, read in one way, as the port does.

    Axes change places only where the shapes say so: of a square, a transpose is a fault and no other form. Neighbours may be
    one axis: a map's places in a row.
    """
    for axes in _axes(array, expected):
        yield lambda e, axes=axes: axes(read(e))  # type: ignore[misc]


def _axes(array: Array, expected: Array) -> Iterator[Form]:
    broadcast = _broadcast(array.shape, expected)
    if broadcast is not None:
        yield broadcast
        return
    if array.shape == expected.shape or array.size != expected.size or max(array.ndim, expected.ndim) > MOST_AXES:
        yield _same
        return
    shape, sides = array.shape, [side for side in array.shape if side != 1]
    theirs = [side for side in expected.shape if side != 1]
    fine, coarse = (theirs, sides) if len(theirs) >= len(sides) else (sides, theirs)
    orders = _orders(fine, coarse)
    if not orders:
        yield _same
    for order in orders:
        if fine is theirs:
            yield lambda e, order=order: e.reshape(theirs).transpose(order).reshape(shape)  # type: ignore[misc]
        else:
            split, back = [sides[axis] for axis in order], np.argsort(order)
            yield lambda e, split=split, back=back: e.reshape(split).transpose(back).reshape(shape)  # type: ignore[misc]


def _orders(fine: Sequence[int], coarse: Sequence[int]) -> List[Tuple[int, ...]]:
    """Return the orders in which axes can be merged into fewer, or as many; those that are merged stay in their own order."""
    axes = range(len(fine))
    found = [order for order in itertools.permutations(axes) if _merges([fine[axis] for axis in order], order, coarse)]
    return [tuple(axes)] if tuple(axes) in found else found


def _merges(sides: Sequence[int], order: Sequence[int], coarse: Sequence[int]) -> bool:
    """Tell whether axes that stand in some order are, side by side and each in its own order, the fewer ones."""
    place = 0
    for whole in coarse:
        first, size = place, 1
        while size < whole and place < len(sides):
            size *= sides[place]
            place += 1
        if size != whole or list(order[first:place]) != sorted(order[first:place]):
            return False
    return place == len(sides)


def _broadcast(shape: Tuple[int, ...], expected: Array) -> Form | None:
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
