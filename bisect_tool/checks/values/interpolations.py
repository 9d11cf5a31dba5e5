"""Ways to interpolate along one axis, each as the matrix that resizes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bisect_tool.checks.values.adaptive import torch_windows
from bisect_tool.checks.values.evidence import Array

Taps = Callable[[Array, int], Array]


@dataclass(frozen=True)
class Mode:
    """A way to interpolate along one axis, as a matrix. Attributes: its ``words`` and what gives its ``matrix`` (out, side).

    ``matrix`` is given the two lengths and how many pixels of the input there are to one of the output.
    """

    words: str
    matrix: Callable[[int, int, float], Array]

    def weights(self, side: int, out: int, scale: float | None = None) -> Array:
        """Return the matrix (out, side); the sizes' ratio is taken where no ``scale`` is given."""
        return self.matrix(side, out, side / out if scale is None else scale)


def _tapped(at: Callable[[int, int, float], Array], taps: Taps) -> Callable[[int, int, float], Array]:
    """Return what makes a mode's matrix of where its pixels lie in the input and of what it takes there."""
    return lambda side, out, step: taps(at(side, out, step), side)


def _half_pixels(_side: int, out: int, step: float) -> Array:
    return np.asarray((np.arange(out) + 0.5) * step - 0.5)


def _whole_pixels(_side: int, out: int, step: float) -> Array:
    return np.asarray(np.arange(out) * step)


def _corners(side: int, out: int, _step: float) -> Array:
    return np.asarray(np.arange(out) * ((side - 1) / max(out - 1, 1)))


def _pixel_below(at: Array, side: int) -> Array:
    # A bit more, as a quotient that is whole need not come out whole.
    return _matrix([(np.floor(at + 1e-9), np.ones(len(at)))], side)


def _nearest_pixel(at: Array, side: int) -> Array:
    return _pixel_below(at + 0.5, side)


def _two_pixels(at: Array, side: int) -> Array:
    at = np.clip(at, 0, side - 1)
    low = np.floor(at)
    return _matrix([(low, 1 - at + low), (low + 1, at - low)], side)


def _four_pixels(a: float) -> Taps:
    """Return what takes four pixels each, with the weights of the cubic of a parameter ``a``."""

    def taps(at: Array, side: int) -> Array:
        low = np.floor(at)
        parts = []
        for tap in range(-1, 3):
            x = np.abs(at - low - tap)
            near = ((a + 2) * x - (a + 3)) * x * x + 1
            far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
            parts.append((low + tap, np.where(x <= 1, near, far)))
        return _matrix(parts, side)

    return taps


def _area(side: int, out: int, _step: float) -> Array:
    matrix = np.zeros((out, side))
    for row, (start, end) in enumerate(torch_windows(side, out)):
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def _repeated(side: int, out: int, _step: float) -> Array:
    return np.tile(np.eye(side), (out // side, 1))


def _matrix(parts: list[tuple[Array, Array]], side: int) -> Array:
    """Return a matrix that takes at each place these pixels, the edge's beyond the edge, with these weights."""
    matrix = np.zeros((len(parts[0][0]), side))
    for pixel, weight in parts:
        np.add.at(matrix, (np.arange(len(pixel)), np.clip(pixel, 0, side - 1).astype(int)), weight)
    return matrix


NEAREST = Mode("nearest", _tapped(_whole_pixels, _pixel_below))
NEAREST_EXACT = Mode("nearest to pixel centres (nearest-exact)", _tapped(_half_pixels, _nearest_pixel))
BILINEAR = Mode("bilinear with align_corners=False", _tapped(_half_pixels, _two_pixels))
ALIGNED = Mode("bilinear with align_corners=True", _tapped(_corners, _two_pixels))
BICUBIC = Mode("bicubic with align_corners=False", _tapped(_half_pixels, _four_pixels(-0.75)))
BICUBIC_ALIGNED = Mode("bicubic with align_corners=True", _tapped(_corners, _four_pixels(-0.75)))
AREA = Mode("area", _area)
# In the order in which they are tried.
MODES = (
    NEAREST,
    BILINEAR,
    ALIGNED,
    Mode("bilinear with corners at whole pixels (i * ratio)", _tapped(_whole_pixels, _two_pixels)),
    NEAREST_EXACT,
    Mode("nearest with align_corners=True", _tapped(_corners, _nearest_pixel)),
    Mode("nearest with align_corners=True, rounded down", _tapped(_corners, _pixel_below)),
    BICUBIC,
    BICUBIC_ALIGNED,
    Mode("bicubic with a = -0.5", _tapped(_half_pixels, _four_pixels(-0.5))),
    AREA,
)
TILED = Mode("the input tiled (repeated as a whole)", _repeated)
