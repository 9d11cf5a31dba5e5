"""The reference's values scaled or offset channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, follows, shown, sure
from bisect_tool.checks.values.layout import channel_axes, other_axes
from bisect_tool.checks.values.linear import along, by_channel, fit

MOST_CHANNELS = 1 << 14


@check
def channel_offset(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that every channel is off by a constant of its own, as by a bias."""
    for axis in channel_axes(numbers.value.ndim) if numbers.value.ndim > 1 else ():
        width = numbers.value.size // numbers.value.shape[axis]
        if width < 4 or not 1 < numbers.value.shape[axis] < MOST_CHANNELS or not sure(numbers):
            continue
        others = other_axes(numbers.value.ndim, axis)
        shift = np.mean(numbers.value - numbers.expected, axis=others, keepdims=True, dtype=np.float64)
        if follows(numbers, numbers.expected + shift, inner_spread(numbers.value, axis)):
            low, high = float(shift.min()), float(shift.max())
            hint = ": a bias left out or added twice?" if _has_bias(evidence.settings) else ", as by a bias"
            return (
                f"is in every {_channel(numbers.value, axis)} the reference's plus a constant of its own "
                f"({shown(low)} to {shown(high)}){hint}"
            )
    return None


@check
def channel_affine(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that every channel is scaled and offset by numbers of its own, as by a normalisation's weight and bias."""
    for axis in channel_axes(numbers.value.ndim) if numbers.value.ndim > 1 else ():
        count = numbers.value.shape[axis]
        if not 1 < count < MOST_CHANNELS or numbers.value.size // count < 12 or not sure(numbers):
            continue
        slope, shift = fit(by_channel(numbers.expected, axis), by_channel(numbers.value, axis))
        guess = along(slope, numbers.value.ndim, axis) * numbers.expected + along(shift, numbers.value.ndim, axis)
        if not follows(numbers, guess, inner_spread(numbers.value, axis)):
            continue
        words = f"is in every {_channel(numbers.value, axis)} the reference's times a factor of its own"
        words += f" ({shown(float(slope.min()))} to {shown(float(slope.max()))})"
        plain = along(slope, numbers.value.ndim, axis) * numbers.expected
        if not explains(numbers, plain):
            words += f" plus a constant of its own ({shown(float(shift.min()))} to {shown(float(shift.max()))})"
        return words
    return None


def inner_spread(array: Array, axis: int) -> float:
    """Return the standard deviation around each channel's own mean."""
    others = other_axes(array.ndim, axis)
    return float(np.sqrt(np.mean(np.var(array, axis=others))))


def _channel(array: Array, axis: int) -> str:
    return "channel" if array.ndim != 3 else f"slice along axis {axis}"


def _has_bias(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("bias") or {"in_channels", "in_features"} & settings.keys())
