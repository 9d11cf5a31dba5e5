"""A value of the port beside the reference's: which part is which, in which form, and how far each is off.

A part of the port's value is *paired* with one of the reference's: by its path, then by shape and value, then by shape, then
by size. It may be written in another *form*: its axes in another order, ones more or fewer, neighbours as one axis, a mask of
booleans where the other side adds infinities, pairs of real numbers where it has complex ones. What finds no partner is *unknown*:
nothing is said of it, and the port keeps its own; so it does with angles that turn by what the reference has cosines and sines for.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Callable, Dict, Hashable, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from ..arrays import Array, angles, measure, pairs, telling
from ..arrays.layouts import Form, layouts, same

NOTHING = -1e9  # what an additive mask that shuts nothing would add where it did
ALIKE = 1e-3  # relative; of values that are paired for being the same
Reading = Hashable  # a way to read a value that the two sides write in other kinds
Found = Sequence[Tuple[str, Array]]  # path, value
Shapes = Sequence[Tuple[str, Tuple[int, ...]]]  # path, shape
Read = Callable[[str], Array]
ReadingOf = Callable[[str, Array, str], Optional[Reading]]  # of a part's path, value, and partner's key


class Recorded(NamedTuple):
    """One tensor of a recorded value: its path by name, its path in the capture, its key, and its shape.

    ``from_shapes``: it has no partner, and holds no more than what shapes tell: positions, a causal mask, zeros.
    """

    name: str
    path: str
    key: str
    shape: Tuple[int, ...]
    from_shapes: bool = False


class Part(NamedTuple):
    """A part of the port's value, its partner, the partner in the port's form, and how far it is off.

    ``reading`` is the way in which a value is read that may be read in several: a mask, or complex numbers, which the two sides
    write in other kinds; None for anything else. ``known``: whether it is known to be meant so; ``others``: the form in each
    other way.
    """

    path: str
    partner: Recorded
    form: Form
    off: Dict[str, Any]
    reading: Optional[Reading] = None
    known: bool = True
    others: Tuple[Form, ...] = ()

    @property
    def paired(self) -> bool:
        """Tell whether it is read in one of several ways to write complex numbers as pairs of real ones."""
        return isinstance(self.reading, tuple)


class Compared(NamedTuple):
    """A whole value compared: its parts, and what has no partner: paths of the port's, and recorded tensors.

    ``told`` are recorded tensors that the port has in a form in which it cannot be given them, with how far they are off.
    """

    parts: List[Part]
    unknown: List[str]
    missing: List[Recorded]
    told: List[Tuple[Recorded, float]]

    def off(self) -> float:
        """Return how far the worst part is off, infinity where one does not compare."""
        return max((part.off.get("error", math.inf) for part in self.parts), default=0.0)

    def rows(self) -> List[Dict[str, Any]]:
        """Return a row of a reading for each recorded tensor."""
        rows = [dict(part.off, path=part.partner.path) for part in self.parts]
        rows += [{"path": one.path, "error": error} for one, error in self.told]
        return rows + [{"path": one.path, "missing": True} for one in self.missing]


def compare(
    found: Found,
    wanted: Sequence[Recorded],
    read: Read,
    holds: Callable[[Array], bool] = lambda _array: True,
    reading_of: ReadingOf = lambda _path, _array, _key: None,
) -> Compared:
    """Compare the parts of a value of the port with those that the reference recorded.

    ``read`` gives an array by its key; one that the port's framework does not ``hold`` is no partner that it could be given.
    ``reading_of`` tells how a part is read that may be read in several ways, from its path, its value and its partner's key,
    where that is known.
    """
    arrays = dict(found)
    turns = _turns(found, wanted, read)
    told = [(one, turns.error) for one in wanted if one.path in turns.reference] if turns else []
    if turns:
        found = [one for one in found if one[0] not in turns.port]
        wanted = [one for one in wanted if one.path not in turns.reference]
    partners, _ = paired(
        [(path, array.shape) for path, array in found],
        wanted,
        lambda path, one: is_alike(arrays[path], read(one.key)),
        lambda path, one: _is_as_large(arrays[path], one, read),
    )
    parts = []
    for path, array in ((path, array) for path, array in found if path in partners):
        expected = read(wanted[partners[path]].key)
        part = _part(path, array, wanted[partners[path]], expected, reading_of)
        if holds(expected) or holds(part.form(expected)):
            parts.append(part)
    compared = {part.path for part in parts}
    taken = {partners[path] for path in compared}
    left = (one for index, one in enumerate(wanted) if index not in taken)
    missing = [one._replace(from_shapes=telling.follows_from_shape(read(one.key))) for one in left]
    return Compared(parts, [path for path, _ in found if path not in compared], missing, told)


def _turns(found: Found, wanted: Sequence[Recorded], read: Read) -> Optional[angles.Same]:
    """Return what are the same rotations on both sides, of what names and sizes do not pair."""
    sizes = {one.name: math.prod(one.shape) for one in wanted}
    ours = {path: array for path, array in found if sizes.get(path) != array.size}
    paired = {path for path, _ in found if path not in ours}
    left = {one.path: one.key for one in wanted if one.name not in paired}
    return angles.same_turns(ours, {path: read(key) for path, key in left.items()}) if ours else None


def recorded(found: Found, parts: Sequence[Part]) -> List[Tuple[str, Array]]:
    """Return the arrays that have a partner, under its path in the capture."""
    partners = {part.path: part.partner.path for part in parts}
    return [(partners[path], array) for path, array in found if path in partners]


def paired(
    found: Shapes,
    wanted: Sequence[Recorded],
    alike: Callable[[str, Recorded], bool],
    as_large: Optional[Callable[[str, Recorded], bool]] = None,
) -> Tuple[Dict[str, int], Set[str]]:
    """Return the index of each path's partner, and the paths of which it is not sure: another pair would do as well.

    ``alike`` tells whether a path has a recorded tensor's values, and ``as_large`` whether it has as many numbers; both are asked
    where names do not say it.
    """
    by_name = {one.name: index for index, one in enumerate(wanted)}
    shapes = dict(found)
    fits = as_large or (lambda path, one: math.prod(shapes[path]) == math.prod(one.shape))
    partners: Dict[str, int] = {}
    guessed: Set[str] = set()
    for path, _ in found:
        index = by_name.get(path)
        # A position says less than a name: values of another structure may stand in another order.
        if index is not None and not (_is_position(path) and not fits(path, wanted[index])):
            partners[path] = index
    tests: List[Callable[[str, Recorded], bool]] = [
        lambda path, one: shapes[path] == one.shape and alike(path, one),
        lambda path, one: shapes[path] == one.shape,
        fits,
    ]
    for test in tests:
        guessed |= _pair_free(found, wanted, partners, test)
    for path, _ in found:  # of another shape, and yet what stands in its place
        index = 0 if len(found) == len(wanted) == 1 else by_name.get(path)
        if index is not None and index not in partners.values():
            partners.setdefault(path, index)
    return partners, guessed


def _pair_free(
    found: Shapes, wanted: Sequence[Recorded], partners: Dict[str, int], test: Callable[[str, Recorded], bool]
) -> Set[str]:
    """Pair what has no partner by a test, in order; return the paths for which more than one pair passes it."""
    left, taken = [path for path, _ in found if path not in partners], set(partners.values())
    free = [index for index in range(len(wanted)) if index not in taken] if left else []
    fits = {path: [i for i in free if test(path, wanted[i])] for path in left if free}
    for path, places in fits.items():
        partner = next((index for index in places if index not in partners.values()), None)
        if partner is not None:
            partners[path] = partner
    rivals = Counter(index for places in fits.values() for index in places)
    return {path for path, places in fits.items() if len(places) > 1 or any(rivals[index] > 1 for index in places)}


def _is_as_large(array: Array, one: Recorded, read: Read) -> bool:
    """Tell whether two values have as many numbers: a complex one counts for two where the other side has pairs."""
    size = math.prod(one.shape)
    if array.size in (2 * size, size / 2):
        return pairs.fits(array.shape, array.dtype.kind, one.shape, read(one.key).dtype.kind)
    return array.size == size


def _is_position(path: str) -> bool:
    return path.rpartition(".")[2].isdigit()


def is_alike(array: Array, expected: Array) -> bool:
    """Tell whether two arrays of one shape are the same, as far as values are paired by that."""
    error: float = measure.difference(array, expected).get("error", math.inf)
    return error < ALIKE


def _part(path: str, array: Array, partner: Recorded, expected: Array, reading_of: ReadingOf) -> Part:
    readings = _readings(array, expected)
    several = len(readings) > 1
    known = reading_of(path, array, partner.key) if several else None
    among = [known] if known is not None and known in readings else list(readings)
    tried = [
        (measure.difference(array, form(expected)), form, reading)
        for reading in among
        for form in _forms(array, expected, readings[reading])
    ]
    off, form, reading = min(tried, key=lambda one: one[0].get("error", math.inf))
    if not several:
        return Part(path, partner, form, off)
    others = tuple(other for name, other in readings.items() if name != reading)
    return Part(path, partner, form, off, reading, known is not None and len(among) == 1, others)


def _readings(array: Array, expected: Array) -> Dict[Reading, Form]:
    """Return the ways to read what the two sides write in other kinds.

    Of a mask that is booleans on one side alone, what is true may be kept, or left out. Complex numbers may be pairs of real
    ones on one side: along an axis of their own, or within another.
    """
    if array.dtype.kind == "b" and expected.dtype.kind == "f":
        return {0: lambda e: e == 0, 1: lambda e: e != 0}
    if array.dtype.kind == "f" and expected.dtype.kind == "b":
        low = array.min() if array.size and array.min() < 0 else NOTHING  # what the port adds where it masks
        return {
            0: lambda e: e.astype(array.dtype),
            1: lambda e: np.where(e, 0.0, low),
            2: lambda e: np.where(e, low, 0.0),
        }
    return pairs.forms(array.shape, array.dtype.kind, expected.shape, expected.dtype.kind) or {0: same}


def _forms(array: Array, expected: Array, read: Form) -> List[Form]:
    """Return ways to write the reference's value, read in one way, as the port does."""

    def both(axes: Form) -> Form:
        return lambda e: axes(read(e))

    return [both(axes) for axes in layouts(array, read(expected))]
