"""The right numbers at other places: transposed, reshaped for transposed, flipped, turned, shifted, sorted otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bisect_tool.checks.values.evidence import (
    SAMPLE,
    Array,
    Evidence,
    Numbers,
    allowed,
    allowed_sampled,
    check,
    explains,
    rms,
    sure,
)
from bisect_tool.checks.values.layout import axis_noun, other_orders

MOST_AXES = 5
FAR = 3  # pixels that a map may be shifted along both axes at once


@check
def transposed(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the last two axes are swapped."""
    shape = numbers.value.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or not sure(numbers):
        return None
    if explains(numbers, numbers.expected.swapaxes(-1, -2)):
        return f"is the reference's with the last two axes transposed ({shape[-2]} by {shape[-1]})"
    return None


@check
def axes_permuted(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that axes of equal length are swapped."""
    value, expected = numbers.value, numbers.expected
    if not 2 < value.ndim <= MOST_AXES or not sure(numbers):
        return None
    for order in other_orders(value.ndim):
        guess = expected.transpose(order)
        if guess.shape == value.shape and explains(numbers, guess):
            return f"is the reference's with its axes in the order {', '.join(map(str, order))}"
    return None


@check
def reshaped(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the numbers are laid out as by a reshape where the reference transposes, or the reverse."""
    value, expected = numbers.value, numbers.expected
    if not 1 < value.ndim <= MOST_AXES or not sure(numbers):
        return None
    for order in other_orders(value.ndim):
        for ours, theirs in ((value, expected), (expected, value)):
            turned = theirs.transpose(order)
            if _first_places_fit(numbers, turned, ours) and explains(
                numbers, turned.reshape(ours.shape), expected=ours is expected
            ):
                was, axes = ("transposes", "reshaped") if ours is value else ("reshapes", "transposed")
                return (
                    f"has the reference's numbers in another order: {axes} where the reference {was}, or with other "
                    f"axes (order {', '.join(map(str, order))}, read as {list(ours.shape)})"
                )
    return None


@check
def flipped(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say along which axis the map is flipped, or how it is turned."""
    value, expected = numbers.value, numbers.expected
    if value.ndim < 2 or not sure(numbers):
        return None
    first = 2 if value.ndim > 3 else 1
    for axis in range(first, value.ndim):
        if explains(numbers, np.flip(expected, axis)):
            return f"is the reference's flipped along axis {axis} ({axis_noun(value.ndim, axis)}s reversed)"
    if value.ndim < 4:
        return None
    opposite = expected[..., ::-1, ::-1]
    turned = {
        "turned by 180 degrees": opposite,
        "turned by 90 degrees": np.rot90(expected, 1, axes=(-2, -1)),
        "turned by 270 degrees": np.rot90(expected, 3, axes=(-2, -1)),
        "mirrored at the other diagonal": opposite.swapaxes(-1, -2),
    }
    name = next((name for name, guess in turned.items() if explains(numbers, guess)), None)
    return f"is the reference's {name}" if name else None


@check
def shifted(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say by how many places the values are shifted along the last axes, or along a sequence."""
    value = numbers.value
    if value.ndim < 2 or not sure(numbers):
        return None
    for move in _moves(value.shape):
        ours, theirs = _overlap(value, move, back=False), _overlap(numbers.expected, move, back=True)
        if ours.size >= max(16, value.size // 4) and _parts_fit(numbers, ours, theirs):
            words = " and ".join(f"{n:+d} along axis {axis}" for axis, n in move.items())
            rolled = np.roll(numbers.expected, tuple(move.values()), tuple(move.keys()))
            around = ", the end put at the start" if explains(numbers, rolled) else ""
            return f"is the reference's shifted by {words}{_names(value.ndim, move)}{around}"
    return None


def _moves(shape: tuple[int, ...]) -> Iterator[dict[int, int]]:
    """Yield by how many places values may be shifted along which axes: along one, then along both of a map."""
    ndim = len(shape)
    for axis in range(ndim - 2, ndim) if ndim > 3 else range(1, ndim):
        for far in range(1, min(8, shape[axis] // 2) + 1):
            yield from ({axis: far}, {axis: -far})
    if ndim > 3:
        down, right = ([n for n in range(-FAR, FAR + 1) if 0 < abs(n) <= side // 2] for side in shape[-2:])
        yield from ({ndim - 2: rows, ndim - 1: columns} for rows in down for columns in right)


@check
def reordered(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the port has exactly the reference's numbers in some other order."""
    value, expected = numbers.value.reshape(-1), numbers.expected.reshape(-1)
    # Sorted samples of one distribution are close to each other: only equality proves anything.
    if not sure(numbers) or np.unique(expected[:SAMPLE]).size < min(16, value.size):
        return None
    if float(value.min()) != float(expected.min()) or float(value.max()) != float(expected.max()):
        return None
    if not np.array_equal(np.sort(value), np.sort(expected)):
        return None
    return f"has exactly the reference's numbers in another order{_split_order(numbers)}"


def _split_order(numbers: Numbers) -> str:
    """Return how one axis is split and the axes then put in another order, where this gives the port's."""
    shape = numbers.value.shape
    for axis, side in enumerate(shape[: MOST_AXES - 1] if len(shape) < MOST_AXES else ()):
        for part in (n for n in range(2, side) if side % n == 0):
            split = (*shape[:axis], part, side // part, *shape[axis + 1 :])
            parts = numbers.expected.reshape(split)
            for order in other_orders(len(split)):
                turned = parts.transpose(order)
                if _first_places_fit(numbers, turned, numbers.value) and explains(numbers, turned.reshape(shape)):
                    return f": axis {axis} split into [{part}, {side // part}], axes then {', '.join(map(str, order))}"
    return ""


def _overlap(array: Array, move: dict[int, int], *, back: bool) -> Array:
    """Return the part of a map that a shift does not move out, before or after the shift."""
    index = [slice(None)] * array.ndim
    for axis, n in move.items():
        start = max(-n if back else n, 0)
        index[axis] = slice(start, array.shape[axis] - max(n if back else -n, 0))
    return array[tuple(index)]


def _parts_fit(numbers: Numbers, ours: Array, theirs: Array) -> bool:
    step = max(1, ours.shape[0] * ours.shape[1] * ours.shape[-1] // SAMPLE) if ours.ndim > 1 else 1
    few = (slice(0, 1), slice(None, None, step)) if ours.ndim > 3 else (slice(0, 1),)
    if rms(ours[few] - theirs[few]) > 5 * max(allowed_sampled(numbers, numbers.value), 1e-300):
        return False
    spread = float(np.std(ours))
    return rms(ours - theirs) <= min(allowed(numbers, numbers.value), 0.1 * spread)


def _first_places_fit(numbers: Numbers, ordered: Array, target: Array) -> bool:
    """Tell whether the sampled places agree, without copying the whole array in its other order."""
    flat = np.ravel_multi_index(numbers.sample, numbers.value.shape)
    guess = ordered[np.unravel_index(flat, ordered.shape)]
    return rms(guess - target[numbers.sample]) <= 5 * allowed_sampled(numbers, target)


def _names(ndim: int, move: dict[int, int]) -> str:
    if ndim < 4:
        return ""
    words = [f"{abs(n)} {axis_noun(ndim, axis)}{'s' if abs(n) > 1 else ''}" for axis, n in move.items()]
    return f" ({' and '.join(words)})"
