"""Rotations: angles on one side, on the other their cosines and sines, or complex numbers of length one."""

from __future__ import annotations

import itertools
import math
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from . import Array

Keys = Tuple[str, ...]
ALIKE = 1e-3  # what is further off is something else
# Of an angle: what float32 rounds of so much, in any framework, is no more than it rounds of a value of one.
LARGE = 0.01
GLANCE = 64  # numbers that tell at once that two arrays are no cosines and sines
MOST = 8  # arrays on a side that are looked at


class Same(NamedTuple):
    """Arrays of the port, and of the reference, that are the same rotations; ``error`` is relative, to a length of one or a large angle."""

    port: Keys
    reference: Keys
    error: float


def same_turns(port: Mapping[str, Array], reference: Mapping[str, Array]) -> Optional[Same]:
    """Return which arrays of the port, and which of the reference's, are the same rotations, each in a form of its own.

    What the port writes so is right as it is. Its cosines and sines count only where their names say which is which: who
    reads them the other way round may as well be right.
    """
    if not 0 < len(port) <= MOST or not 0 < len(reference) <= MOST:
        return None
    ours, theirs = list(_turning(port, named=True)), list(_turning(reference, named=False))
    # Of two pairs both must say which is which: in either order one is the other.
    pairs = [(a, b) for a in ours for b in (theirs if len(a.keys) == 1 else _turning(reference, named=True))]
    angles = itertools.product(_angles(port), theirs) if theirs else ()
    others = itertools.product(ours, _angles(reference)) if ours else ()
    for mine, other in itertools.chain(pairs, angles, others):
        error = _apart(mine, other)
        if error < ALIKE:
            return Same(mine.keys, other.keys, error)
    return None


class _Turns(NamedTuple):
    """Angles, or complex numbers of length one, as they are ``written`` once; ``twice``, how they are repeated: "halves", "turns"."""

    keys: Keys
    written: Array
    twice: str

    def turned(self) -> Array:
        return (
            self.written if self.written.dtype.kind == "c" else np.asarray(np.exp(1j * self.written.astype(np.float64)))
        )

    def largest(self) -> float:
        """Return by how much more than a length of one float32 rounds the largest angle that is written as such."""
        return 1.0 if self.written.dtype.kind == "c" else max(1.0, LARGE * float(np.abs(self.written).max()))


def _turning(arrays: Mapping[str, Array], *, named: bool) -> Iterator[_Turns]:
    """Yield (names, numbers of length one) of what can be nothing else: complex, or cosines with their sines."""
    for name, array in arrays.items():
        if array.dtype.kind == "c" and _is_one(array.reshape(-1).real, array.reshape(-1).imag):
            yield _Turns((name,), *_reduced(array))
    for first, second in itertools.permutations(_real(arrays), 2):
        if named and not ("cos" in first.lower() and "sin" in second.lower()):
            continue
        cosines, sines = arrays[first], arrays[second]
        if cosines.shape == sines.shape and _is_one(cosines.reshape(-1), sines.reshape(-1)):
            yield _Turns((first, second), *_reduced(cosines + 1j * sines))


def _real(arrays: Mapping[str, Array]) -> Dict[str, Array]:
    return {name: array for name, array in arrays.items() if array.dtype.kind == "f"}


def _is_one(cosines: Array, sines: Array) -> bool:
    for part in (slice(GLANCE), slice(None)):
        if not np.allclose(cosines[part] ** 2 + sines[part] ** 2, 1.0, atol=ALIKE):
            return False
    return bool(cosines.size)


def _angles(arrays: Mapping[str, Array]) -> Iterator[_Turns]:
    """Yield what may be angles: all that is real."""
    return (_Turns((name,), *_reduced(array)) for name, array in _real(arrays).items())


def _reduced(array: Array) -> Tuple[Array, str]:
    """Return an array without what it repeats along an axis, or within its last one, and how it does so there."""
    array = np.squeeze(array)
    for axis in range(array.ndim):
        first = array.take([0], axis)
        if np.array_equal(np.broadcast_to(first, array.shape), array):
            array = first
    array = np.squeeze(array)
    half = array.shape[-1] // 2 if array.ndim else 0
    if half and array.shape[-1] == 2 * half:
        if np.array_equal(array[..., :half], array[..., half:]):
            return array[..., :half], "halves"
        if np.array_equal(array[..., ::2], array[..., 1::2]):
            return array[..., ::2], "turns"
    return array, ""


def _apart(one: _Turns, other: _Turns) -> float:
    """Return how far apart two are; infinity where they do not compare. A single number tells nothing."""
    if one.written.shape != other.written.shape or one.written.size < 2 or len({one.twice, other.twice, ""}) > 2:
        return math.inf
    apart = float(np.sqrt(np.mean(np.abs(one.turned() - other.turned()) ** 2)))
    return apart / max(one.largest(), other.largest())
