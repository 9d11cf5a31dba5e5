"""Another interpolation: nearest for bilinear, corners aligned or not, the given scale or the sizes' ratio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, sure
from bisect_tool.checks.values.planes import Planes, planes
from bisect_tool.checks.values.pooling import torch_windows
from bisect_tool.frameworks import Habit

BILINEAR, ALIGNED = "bilinear with align_corners=False", "bilinear with align_corners=True"
# What a framework does that is bilinear where the reference is this.
BILINEAR_FOR: dict[str, Habit] = {
    "nearest": "bilinear by default",
    f"{BILINEAR}, by the given scale": "scale by sizes",
    ALIGNED: "corners not aligned",
}
TILED = "the input tiled (repeated as a whole)"


@check
def other_interpolation(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say how the port resizes its input, and how the reference."""
    maps = planes(evidence)
    if not maps or not sure(numbers) or np.ndim(evidence.value) != 4 or maps[0].out == maps[0].given.shape[1:]:
        return None
    theirs = _found(maps, evidence.settings, expected=True)
    ours = _found(maps, evidence.settings, expected=False) if theirs else None
    if ours is None or theirs is None or ours == theirs:
        return None
    habit = BILINEAR_FOR.get(theirs) if ours == BILINEAR else None
    hint = evidence.hint(habit) if habit else ""
    return f"is {ours}, the reference {theirs}{hint}"


def weights(mode: str, side: int, out: int, scale: float | None = None) -> Array:
    """Return the matrix (out, side) that resizes one axis. ``scale``: input pixels to one of the output."""
    step = side / out if scale is None else scale
    places = np.arange(out)
    if mode.startswith("area"):
        matrix = np.zeros((out, side))
        for row, (start, end) in enumerate(torch_windows(side, out)):
            matrix[row, start:end] = 1 / (end - start)
        return matrix
    if "align_corners=True" in mode:
        at = places * ((side - 1) / max(out - 1, 1))
    elif "corners at whole pixels" in mode or mode == "nearest":
        at = places * step
    else:
        at = (places + 0.5) * step - 0.5
    if mode.startswith("nearest"):
        # Half an ulp more, as a quotient that is whole need not come out whole.
        up = 0.5 if mode != "nearest" and "rounded down" not in mode else 0.0
        return _taps([(np.floor(at + up + 1e-9), np.ones(out))], side)
    if mode.startswith("bicubic"):
        return _bicubic(at, side, -0.5 if "-0.5" in mode else -0.75)
    at = np.clip(at, 0, side - 1)
    low = np.floor(at)
    return _taps([(low, 1 - at + low), (low + 1, at - low)], side)


MODES = (
    "nearest",
    BILINEAR,
    ALIGNED,
    "bilinear with corners at whole pixels (i * ratio)",
    "nearest to pixel centres (nearest-exact)",
    "nearest with align_corners=True",
    "nearest with align_corners=True, rounded down",
    "bicubic with align_corners=False",
    "bicubic with align_corners=True",
    "bicubic with a = -0.5",
    "area",
)


def _taps(parts: list[tuple[Array, Array]], side: int) -> Array:
    """Return a matrix that takes at each place these pixels, the edge's beyond the edge, with these weights."""
    matrix = np.zeros((len(parts[0][0]), side))
    for pixel, weight in parts:
        np.add.at(matrix, (np.arange(len(pixel)), np.clip(pixel, 0, side - 1).astype(int)), weight)
    return matrix


def _bicubic(at: Array, side: int, a: float) -> Array:
    low = np.floor(at)
    parts = []
    for tap in range(-1, 3):
        x = np.abs(at - low - tap)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        parts.append((low + tap, np.where(x <= 1, near, far)))
    return _taps(parts, side)


def _found(maps: list[Planes], settings: Mapping[str, Any], *, expected: bool) -> str | None:
    few, some = maps
    for name, guess in _guesses(few, settings):
        if explains(few.numbers, guess, expected=expected):
            for again, more in _guesses(some, settings):
                if again == name and explains(some.numbers, more, expected=expected):
                    return name
    return None


def _guesses(maps: Planes, settings: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    sides, out = (maps.given.shape[1], maps.given.shape[2]), maps.out
    if all(o % side == 0 for side, o in zip(sides, out, strict=True)):
        yield TILED, np.tile(maps.given, (1, out[0] // sides[0], out[1] // sides[1]))
    factor = settings.get("scale_factor")
    factors = factor if isinstance(factor, (list, tuple)) else [factor, factor]
    given = [1 / f for f in factors if isinstance(f, (int, float)) and f > 0]
    for mode in MODES:
        down, right = (weights(mode, side, o) for side, o in zip(sides, out, strict=True))
        yield f"{mode}", down @ maps.given @ right.T
        if len(given) == 2 and any(abs(g * o - side) > 1e-9 for g, side, o in zip(given, sides, out, strict=True)):
            down, right = (weights(mode, side, o, g) for side, o, g in zip(sides, out, given, strict=True))
            yield f"{mode}, by the given scale", down @ maps.given @ right.T
