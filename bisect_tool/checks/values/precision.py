"""The reference's values with less precision or range: rounded, quantised, clamped."""

from __future__ import annotations

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, relative, rms, shown, sure
from bisect_tool.checks.values.functions import Function

ROUNDED: dict[str, Function] = {
    "rounded to whole numbers": np.rint,
    "rounded down": np.floor,
    "cut off": np.trunc,
    "rounded up": np.ceil,
}
LEVELS = 256


@check
def lower_precision(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the values are all among those that a shorter floating-point format holds."""
    value, expected = numbers.value[numbers.sample], numbers.expected[numbers.sample]
    if np.count_nonzero(value) < 8 or np.unique(value).size < 4:
        return None
    for name, (bits, as_held) in FORMATS.items():
        near = rms(value - expected) <= 8 * 2.0**-bits * rms(expected)
        rare = np.mean(as_held(expected[value != 0]) == expected[value != 0]) < 0.5
        if near and rare and (as_held(value) == value).all() and (as_held(numbers.value) == numbers.value).all():
            off = relative(numbers.value - numbers.expected, numbers.expected)
            return f"is the reference's in {name} precision (off by {off:.1e}; every value is one that {name} can hold)"
    return None


@check
def rounded(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the values are the reference's made whole numbers, or the reverse."""
    if not sure(numbers):
        return None
    for name, how in ROUNDED.items():
        if explains(numbers, np.asarray(how(numbers.expected))):
            return f"is the reference's {name}"
        if explains(numbers, np.asarray(how(numbers.value)), expected=True):
            return f"has fractions, the reference is the same {name}"
    return None


@check
def quantised(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the values lie on few equal steps, and how wide these are."""
    value = numbers.value[numbers.sample]
    levels = np.unique(value)
    if not 4 <= levels.size <= LEVELS or value.size < 8 * levels.size:
        return None
    if np.unique(numbers.expected[numbers.sample]).size < 4 * levels.size:
        return None
    step = float(np.diff(levels).min())
    whole = levels / step
    difference = np.abs(numbers.value - numbers.expected)
    inside = (numbers.value > levels[0]) & (numbers.value < levels[-1])
    if np.abs(whole - np.rint(whole)).max() > 0.01 or not inside.any() or difference[inside].max() > 0.55 * step:
        return None
    return f"is the reference's quantised: {levels.size} levels in steps of {shown(step)}"


@check
def clamped(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say at which bound one side is clamped and the other is not."""
    if not sure(numbers):
        return None
    bounds = _bounds(numbers.value, numbers.expected)
    if bounds and explains(numbers, np.clip(numbers.expected, *bounds)):
        return f"is clamped {_between(bounds)}, the reference has {_range(numbers.expected)}"
    bounds = _bounds(numbers.expected, numbers.value)
    if bounds and explains(numbers, np.clip(numbers.value, *bounds), expected=True):
        return f"has {_range(numbers.value)}, the reference is the same clamped {_between(bounds)}"
    return None


def _bounds(narrow: Array, wide: Array) -> tuple[float, float] | None:
    """Return the bounds that hold several values of the one where the other goes beyond."""
    low, high = float(narrow.min()), float(narrow.max())
    below, above = (narrow == low) & (wide < low), (narrow == high) & (wide > high)
    bounds = (low if below.sum() >= 4 else -np.inf, high if above.sum() >= 4 else np.inf)
    return bounds if low < high and bounds != (-np.inf, np.inf) else None


def _between(bounds: tuple[float, float]) -> str:
    low, high = bounds
    if np.isinf(high):
        return f"from below at {shown(low)}"
    return f"at {shown(high)}" if np.isinf(low) else f"between {shown(low)} and {shown(high)}"


def _range(values: Array) -> str:
    return f"values from {shown(float(values.min()))} to {shown(float(values.max()))}"


def _float16(values: Array) -> Array:
    return values.astype(np.float16).astype(values.dtype)


def _bfloat16(values: Array) -> Array:
    """Return what bfloat16 holds of the values: the upper half of a float32's bits, to the nearest."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(values.dtype)


# The bits of a significand, and what is left of numbers. float16 holds most that bfloat16 does: the coarser one first.
FORMATS: dict[str, tuple[int, Function]] = {"bfloat16": (8, _bfloat16), "float16": (11, _float16)}
