"""Another adaptive or global pooling: average for maximum, windows of one size for torch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, sure
from bisect_tool.checks.values.planes import Planes, planes
from bisect_tool.checks.values.pooling import Pair

Windows = Callable[[int, int], list[Pair]]
REDUCTIONS: dict[str, Callable[..., Array]] = {"average": np.mean, "max": np.max, "min": np.min, "sum": np.sum}
MOST_WINDOWS = 64  # windows along an axis that are computed one by one


@check
def adaptive_pooling(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which windows or which kind of adaptive or global pooling the port computes, and which the reference."""
    maps = planes(evidence)
    if not maps or not sure(numbers) or max(maps[0].out) > MOST_WINDOWS or "kernel_size" in evidence.settings:
        return None
    sides = tuple(zip(maps[0].given.shape[1:], maps[0].out, strict=True))
    if any(side < out for side, out in sides) or all(side == out for side, out in sides):
        return None
    theirs, ours = _adaptive_found(maps, expected=True), _adaptive_found(maps, expected=False)
    if theirs is None or ours is None or ours == theirs:
        return None
    if ours[0] != theirs[0]:
        scope = "global" if maps[0].out == (1, 1) else "adaptive"
        return f"is {scope} {ours[0]} pooling, the reference {scope} {theirs[0]} pooling"
    sizes = ", ".join(dict.fromkeys(f"{side} to {out}" for side, out in sides if side % out))
    if ours[1] is equal_windows:
        words = f"has windows of one size in adaptive pooling, the reference torch's: {sizes} does not divide"
        return words + evidence.hint("equal windows")
    return f"has torch's windows in adaptive pooling, the reference windows of one size: {sizes} does not divide"


def torch_windows(side: int, out: int) -> list[Pair]:
    """Return start and end of torch's windows along an axis."""
    return [(i * side // out, -(-(i + 1) * side // out)) for i in range(out)]


def equal_windows(side: int, out: int) -> list[Pair]:
    """Return start and end of windows along an axis that are all of one size, the last of which ends at the end."""
    stride = side // out
    size = side - (out - 1) * stride
    return [(i * stride, i * stride + size) for i in range(out)]


def _adaptive_found(maps: list[Planes], *, expected: bool) -> tuple[str, Windows] | None:
    """Return by which reduction of which windows one side pools."""
    for kind, windows in itertools.product(REDUCTIONS, (torch_windows, equal_windows)):
        guesses = ((part.numbers, _adaptive(part.given, kind, windows, part.out)) for part in maps)
        if all(explains(numbers, guess, expected=expected) for numbers, guess in guesses):
            return kind, windows
    return None


def _adaptive(given: Array, kind: str, windows: Windows, out: Pair) -> Array:
    for axis in (1, 2):
        bounds = windows(given.shape[axis], out[axis - 1])
        parts = [REDUCTIONS[kind](given.take(range(start, end), axis), axis=axis) for start, end in bounds]
        given = np.stack(parts, axis)
    return given
