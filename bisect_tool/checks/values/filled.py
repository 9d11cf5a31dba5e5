"""Values that were never computed: NaN or infinity, all zero, one constant, a part left unwritten."""

from __future__ import annotations

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, allowed, check, moments, rms, shown
from bisect_tool.checks.values.layout import along_axis, axis_noun, other_axes

KINDS = (("NaN", np.isnan), ("infinity", np.isposinf), ("minus infinity", np.isneginf))


def not_finite(evidence: Evidence) -> str | None:
    """Say where one side has NaN or infinity and the other has not."""
    value, expected = np.asarray(evidence.value), np.asarray(evidence.expected)
    if value.shape != expected.shape or value.dtype.kind not in "biuf" or expected.dtype.kind not in "biuf":
        return None
    words = []
    for name, test in KINDS:
        ours, theirs = np.asarray(test(value)), np.asarray(test(expected))
        extra, missing = ours & ~theirs, theirs & ~ours
        if extra.any():
            where = _where(extra)
            words.append(f"is {name} at {where}, where the reference has {_instead(expected[extra])}")
        if missing.any() and not (extra & missing).any() and np.isfinite(value[missing]).all():
            words.append(f"is finite at {_where(missing)}, where the reference has {name}")
    return "; ".join(words) or None


def _instead(values: Array) -> str:
    return "finite numbers" if np.isfinite(values).all() else "others"


def _where(mask: Array) -> str:
    count = int(mask.sum())
    if count == mask.size:
        return f"all {mask.size:,} places" if mask.size > 1 else "its only place"
    first = [int(index) for index in np.argwhere(mask)[0]]
    if count == 1:
        return f"1 of {mask.size:,} places, {first}"
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=other_axes(mask.ndim, axis)))
        if len(hit) == 1 and mask.ndim > 1 and mask.shape[axis] > 1:
            return f"{count:,} of {mask.size:,} places, all in {axis_noun(mask.ndim, axis)} {hit[0]}{along_axis(mask.ndim, axis)}"
    return f"{count:,} of {mask.size:,} places (the first is {first})"


@check
def all_zero(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the port's values are all zero."""
    if numbers.value.any():
        return None
    return f"is all zero, reference has {moments(numbers.expected)}"


@check
def constant(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the port's values are one number."""
    value = numbers.value
    low, high = float(value.min()), float(value.max())
    if value.size < 4 or high - low > 1e-6 * max(abs(low), abs(high)):
        return None
    return f"is {shown(low)} everywhere, reference has {moments(numbers.expected)}"


@check
def constant_maps(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that each channel is one number at all pixels where the reference's varies."""
    value, expected = numbers.value, numbers.expected
    if value.ndim < 4 or np.prod(value.shape[2:]) < 4:
        return None
    axes = tuple(range(2, value.ndim))
    flat = np.ptp(value, axis=axes) <= 1e-6 * np.abs(value).max(axis=axes)
    if not flat.all() or not (np.ptp(expected, axis=axes) > 1e-3 * np.abs(expected).max(axis=axes)).all():
        return None
    spread = float(np.median(np.std(expected, axis=axes)))
    return (
        "is in every channel the same at all pixels, "
        f"the reference's vary (standard deviation inside a channel {spread:.2g})"
    )


@check
def unwritten(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which slices are filled with one number while all others are right."""
    value, expected = numbers.value, numbers.expected
    for axis in range(value.ndim if value.ndim > 1 else 0):
        others = other_axes(value.ndim, axis)
        low, high = value.min(axis=others), value.max(axis=others)
        spread = np.ptp(expected, axis=others)
        filled = np.flatnonzero((low == high) & (spread > 0))
        count, total, width = len(filled), value.shape[axis], value.size // value.shape[axis]
        if not 0 < count < total or width < 4 or len(np.unique(low[filled])) > 1:
            continue
        rest = np.setdiff1d(np.arange(total), filled)
        if rms(value.take(rest, axis) - expected.take(rest, axis)) > allowed(numbers, value):
            continue
        fill = "zero" if low[filled[0]] == 0 else shown(float(low[filled[0]]))
        return f"is all {fill} in {slices(filled, value.shape, axis)}, all else is right"
    return None


def slices(indices: Array, shape: tuple[int, ...], axis: int) -> str:
    """Return 'the last 2 of 8 rows', 'channel 3 of 8', 'channels 1, 4 and 5 of 8'."""
    count, total = len(indices), shape[axis]
    noun, along = axis_noun(len(shape), axis), along_axis(len(shape), axis)
    many = f"{noun}s{along}"
    if count == 1:
        return f"{noun} {indices[0]} of {total}{along}"
    if indices[0] == 0 and indices[-1] == count - 1:
        return f"the first {count} of {total} {many}"
    if indices[0] == total - count and indices[-1] == total - 1:
        return f"the last {count} of {total} {many}"
    if count > 5:
        return f"{count} of {total} {many} ({indices[0]}, {indices[1]}, {indices[2]} ...)"
    return f"{many} {', '.join(str(i) for i in indices[:-1])} and {indices[-1]} of {total}"
