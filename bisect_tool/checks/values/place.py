"""Where the values are wrong while all others are right: at the border, in some channels, at few places."""

from __future__ import annotations

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, rms
from bisect_tool.checks.values.filled import slices
from bisect_tool.checks.values.layout import other_axes
from bisect_tool.sentences.spelling import counted

UNLIKELY = 12.0  # bits that the place of the differences must be worth
FEW = 0.01


@check
def border(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that only the border is wrong, on which sides and how wide."""
    wrong = _wrong(numbers)
    if wrong.ndim < 4 or min(wrong.shape[-2:]) < 4:
        return None
    pixels = wrong.any(axis=tuple(range(wrong.ndim - 2)))
    height, width = pixels.shape
    for wide in range(1, (min(height, width) - 1) // 2 + 1):
        inner = pixels[wide : height - wide, wide : width - wide]
        if not inner.any():
            sides = _border_sides(pixels, wide, inner.size / pixels.size)
            where = "" if len(sides) == 4 else f" ({', '.join(sides)} only)"
            zero = ", where it is zero" if not numbers.value[wrong].any() else ""
            words = (
                f"is wrong only at the border, {counted(wide, 'pixel')} wide{where}{zero}, all else is right: padding?"
            )
            return words if sides else None
    return None


@check
def some_slices(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say in which images, channels, rows or columns alone the values are wrong."""
    words = [slices(hit, numbers.value.shape, axis) for axis, hit in wrong_slices(numbers)]
    return f"is wrong only in {', '.join(words[:2])}, all else is right" if words else None


def wrong_slices(numbers: Numbers) -> list[tuple[int, Array]]:
    """Return the axes along which at most half of the slices are wrong, and which these are."""
    wrong = _wrong(numbers)
    total = int(wrong.sum())
    found = []
    for axis in range(wrong.ndim if wrong.ndim > 1 else 0):
        others = other_axes(wrong.ndim, axis)
        hit, length = np.flatnonzero(wrong.any(axis=others)), wrong.shape[axis]
        # Few wrong places lie in few slices by chance, the more so the more choices there are of slices.
        if not 0 < len(hit) <= length / 2:
            continue
        if total * -np.log2(len(hit) / length) - _log2_choices(length, len(hit)) >= UNLIKELY:
            found.append((axis, hit))
    return found


def input_channels(evidence: Evidence) -> list[tuple[int, slice]]:
    """Return which channels are wrong as far as they may come from an input: (position of the input, the channels).

    Code that joins inputs gives each as many channels as it has; the block lies at an end of a run of wrong channels.
    """
    numbers = evidence.numbers
    if numbers is None or numbers.value.ndim != 4:
        return []
    hit = _wrong(numbers).any(axis=(0, 2, 3))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hit, [False]]).astype(int)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        for index, given in enumerate(evidence.inputs):
            if given.ndim == 4 and given.shape[1] <= end - start and given.shape[1] < len(hit):
                places = {int(start), int(end - given.shape[1])}
                found += [(index, slice(place, place + given.shape[1])) for place in sorted(places)]
    return found


@check
def few_places(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that no more than a few places are wrong."""
    wrong = _wrong(numbers)
    count = int(wrong.sum())
    if not 0 < count <= FEW * wrong.size:
        return None
    first = [int(i) for i in np.argwhere(wrong)[0]]
    return (
        f"is wrong at {count:,} of {wrong.size:,} places only (at {first} it is "
        f"{numbers.value[tuple(first)]:.4g}, reference {numbers.expected[tuple(first)]:.4g}), all else is right"
    )


def _wrong(numbers: Numbers) -> Array:
    """Return where the values differ by more than rounding explains at any single place.

    Nothing is wrong alone where the rest is more than rounding off: then everything is.
    """
    difference = np.abs(numbers.value - numbers.expected)
    size = rms(numbers.expected)
    wrong = difference > 20 * numbers.floor * size
    rest = difference[~wrong]
    if rest.size and rms(rest) > 2 * numbers.floor * size:
        return np.ones_like(wrong)
    # Not to call one fault two: what is wrong must stand out from what is right.
    if rest.size and wrong.any() and rms(difference[wrong]) < 100 * numbers.floor * size:
        return np.ones_like(wrong)
    return np.asarray(wrong)


def _border_sides(pixels: Array, wide: int, share: float) -> list[str]:
    """Return the sides of a border that is wrong, none where chance may explain that the rest, a share of it, is right."""
    if share < 0.1 or int(pixels.sum()) * -np.log2(1 - share) < UNLIKELY:
        return []
    sides = _sides(pixels, wide)
    # A border has wrong pixels all along it; few places in it are no border.
    return list(sides) if pixels.sum() >= 0.3 * sum(sides.values()) else []


def _sides(pixels: Array, wide: int) -> dict[str, int]:
    """Return the sides whose border has wrong pixels, and how long each is."""
    height, width = pixels.shape
    rows, columns = slice(wide, height - wide), slice(wide, width - wide)
    bands = {
        "top": (pixels[:wide, columns], width),
        "bottom": (pixels[height - wide :, columns], width),
        "left": (pixels[rows, :wide], height),
        "right": (pixels[rows, width - wide :], height),
    }
    return {side: length for side, (band, length) in bands.items() if band.any()}


def _log2_choices(total: int, chosen: int) -> float:
    return float(np.sum(np.log2(np.arange(total - chosen + 1, total + 1)) - np.log2(np.arange(1, chosen + 1))))
