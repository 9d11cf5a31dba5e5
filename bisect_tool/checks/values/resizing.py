"""Another interpolation: nearest for bilinear, corners aligned or not, the given scale or the sizes' ratio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, sure
from bisect_tool.checks.values.interpolations import ALIGNED, BILINEAR, MODES, NEAREST, TILED, Mode
from bisect_tool.checks.values.planes import Planes, planes
from bisect_tool.frameworks import Habit


@dataclass(frozen=True)
class Way:
    """How one side resizes its input: by which mode, and whether by the scale that the settings give."""

    mode: Mode
    given_scale: bool = False

    def __str__(self) -> str:
        """Return 'nearest', 'nearest, by the given scale'."""
        return f"{self.mode.words}, by the given scale" if self.given_scale else self.mode.words


# What a framework does that is bilinear where the reference is this.
BILINEAR_FOR: dict[Way, Habit] = {
    Way(NEAREST): "bilinear by default",
    Way(BILINEAR, given_scale=True): "scale by sizes",
    Way(ALIGNED): "corners not aligned",
}


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
    habit = BILINEAR_FOR.get(theirs) if ours == Way(BILINEAR) else None
    hint = evidence.hint(habit) if habit else ""
    return f"is {ours}, the reference {theirs}{hint}"


def _found(maps: list[Planes], settings: Mapping[str, Any], *, expected: bool) -> Way | None:
    few, some = maps
    for way, guess in _guesses(few, settings):
        if explains(few.numbers, guess, expected=expected):
            for again, more in _guesses(some, settings):
                if again == way and explains(some.numbers, more, expected=expected):
                    return way
    return None


def _guesses(maps: Planes, settings: Mapping[str, Any]) -> Iterator[tuple[Way, Array]]:
    sides, out = (maps.given.shape[1], maps.given.shape[2]), maps.out
    if all(o % side == 0 for side, o in zip(sides, out, strict=True)):
        yield Way(TILED), _resized(maps, TILED)
    given = _given_scales(settings)
    other = given and any(abs(g * o - side) > 1e-9 for g, side, o in zip(given, sides, out, strict=True))
    for mode in MODES:
        yield Way(mode), _resized(maps, mode)
        if other:
            yield Way(mode, given_scale=True), _resized(maps, mode, given)


def _given_scales(settings: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return how many pixels of the input there are to one of the output along both axes, where the settings say it."""
    factor = settings.get("scale_factor")
    factors = factor if isinstance(factor, (list, tuple)) else [factor, factor]
    scales = [1 / f for f in factors if isinstance(f, (int, float)) and f > 0]
    return (scales[0], scales[1]) if len(scales) == 2 else None


def _resized(maps: Planes, mode: Mode, scales: tuple[float, float] | None = None) -> Array:
    (high, wide), out = maps.given.shape[1:], maps.out
    down_scale, right_scale = scales or (None, None)
    down, right = mode.weights(high, out[0], down_scale), mode.weights(wide, out[1], right_scale)
    return np.asarray(down @ maps.given @ right.T)
