"""Complex numbers beside pairs of real ones: the real and the imaginary part along an axis more, or one after the other.

The pair may be an axis of its own anywhere, or lie within another axis: first all real parts, then all imaginary ones (halves),
or in turns. Which of these it is, shapes alone must say; where they allow for several, all are returned.
"""

from __future__ import annotations

import itertools
import math
from typing import Dict, Hashable, Iterator, List, Optional, Tuple

import numpy as np

from . import Array
from .layouts import MOST_AXES, Form, Shape, merges

PAIR = -1  # in an order of axes: that of the real and the imaginary part
Order = Tuple[int, ...]  # the complex array's axes that are longer than 1, and PAIR, as they stand in the real one


def fits(shape: Shape, kind: str, other: Shape, other_kind: str) -> bool:
    """Tell whether one of two arrays may hold as pairs of real numbers what is complex in the other."""
    sizes = math.prod(shape), math.prod(other)
    kinds = kind + other_kind
    return bool(sizes[0]) and (
        (kinds == "cf" and 2 * sizes[0] == sizes[1]) or (kinds == "fc" and sizes[0] == 2 * sizes[1])
    )


def forms(shape: Shape, kind: str, expected: Shape, expected_kind: str) -> Dict[Hashable, Form]:
    """Return the ways to write a reference's value as the port does, where one of them alone has complex numbers.

    ``shape`` and ``kind`` (of the dtype) are those of the port's array. Axes are moved only where nothing else fits, and
    joined or dropped only where none that leaves them alone does.
    """
    if not fits(shape, kind, expected, expected_kind):
        return {}
    if kind == "f":
        return {order: _to_real(expected, order, shape) for order in _orders(expected, shape)}
    return {order: _to_complex(shape, order) for order in _orders(shape, expected)}


def form_of(shape: Shape, kind: str, expected: Shape, expected_kind: str) -> Optional[Form]:
    """Return the one way to write a reference's value as the port does, None where there are none or several; see ``forms``."""
    found = list(forms(shape, kind, expected, expected_kind).values())
    return found[0] if len(found) == 1 else None


def written(array: Array, expected: Array) -> Array:
    """Return a reference's value as the port writes it, where one of them has complex numbers and one form alone fits."""
    form = form_of(array.shape, array.dtype.kind, expected.shape, expected.dtype.kind)
    return expected if form is None else form(expected)


def kind_of(dtype: object) -> str:
    """Return "c" for complex numbers, "f" for real ones, "" for others, by the name of a dtype in any framework."""
    name = str(dtype)
    return "c" if "complex" in name else "f" if "float" in name else ""


def _to_real(whole: Shape, order: Order, shape: Shape) -> Form:
    sides, axes = _sides(whole), _axes(whole, order)

    def form(expected: Array) -> Array:
        parts = expected.reshape(sides)
        return np.ascontiguousarray(np.stack((parts.real, parts.imag), -1).transpose(axes)).reshape(shape)

    return form


def _to_complex(whole: Shape, order: Order) -> Form:
    axes = _axes(whole, order)
    sides = [(*_sides(whole), 2)[axis] for axis in axes]

    def form(expected: Array) -> Array:
        kind = np.float64 if expected.dtype == np.float64 else np.float32
        pairs = np.ascontiguousarray(expected.reshape(sides).transpose(np.argsort(axes)), kind)
        return pairs.reshape(-1).view(np.result_type(kind, np.complex64)).reshape(whole)

    return form


def _sides(whole: Shape) -> List[int]:
    return [side for side in whole if side != 1]


def _axes(whole: Shape, order: Order) -> List[int]:
    """Return an order in the axes of what has no axes of length 1, and the pair last."""
    places = [axis for axis, side in enumerate(whole) if side != 1]
    return [len(places) if axis == PAIR else places.index(axis) for axis in order]


def _orders(whole: Shape, shape: Shape) -> List[Order]:
    """Return the orders in which complex numbers can stand in a real array; only those that change least."""
    long = [axis for axis, side in enumerate(whole) if side != 1]
    for tried in (_beside(whole, shape), _inserted(whole, long, shape), _moved(whole, long, shape)):
        found = list(dict.fromkeys(tried))
        if found:
            return found
    return []


def _beside(whole: Shape, shape: Shape) -> Iterator[Order]:
    """Yield the orders in which no axis is joined, dropped or moved: the pair is one more, or lies within one."""
    for place in range(len(whole) + 1):
        order = (*range(place), PAIR, *range(place, len(whole)))
        one_more = (*whole[:place], 2, *whole[place:])
        halves = (*whole[:place], 2 * math.prod(whole[place : place + 1]), *whole[place + 1 :])
        turns = (*whole[: place - 1], 2 * math.prod(whole[place - 1 : place]), *whole[place:])
        if shape == one_more or (place < len(whole) and shape == halves) or (place and shape == turns):
            yield tuple(axis for axis in order if axis == PAIR or whole[axis] != 1)


def _inserted(whole: Shape, long: List[int], shape: Shape) -> Iterator[Order]:
    for place in range(len(long) + 1):
        order = (*long[:place], PAIR, *long[place:])
        if _merges(whole, order, shape):
            yield order


def _moved(whole: Shape, long: List[int], shape: Shape) -> Iterator[Order]:
    if len(long) < MOST_AXES:
        yield from (order for order in itertools.permutations((*long, PAIR)) if _merges(whole, order, shape))


def _merges(whole: Shape, order: Order, shape: Shape) -> bool:
    return merges([2 if axis == PAIR else whole[axis] for axis in order], order, _sides(shape), anywhere=PAIR)
