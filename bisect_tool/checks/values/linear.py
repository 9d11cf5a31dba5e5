"""The reference's values scaled, offset or with the sign changed."""

from __future__ import annotations

import numpy as np

from bisect_tool.checks.values.evidence import (
    LEAST_BITS,
    Array,
    Evidence,
    Numbers,
    check,
    explains,
    follows,
    relative,
    shown,
    sure,
)


@check
def sign_flipped(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the sign is the other one, or true for false."""
    truths = np.asarray(evidence.value).dtype == np.asarray(evidence.expected).dtype == np.bool_
    if truths and sure(numbers) and np.array_equal(numbers.value, 1 - numbers.expected):
        return "is true where the reference is false, and the reverse"
    if numbers.bits >= LEAST_BITS / 2 and explains(numbers, -numbers.expected):
        return "has the sign flipped, is otherwise the reference's"
    return None


@check
def absolute(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that one side is the other's absolute value."""
    if not sure(numbers):
        return None
    if explains(numbers, np.abs(numbers.expected)):
        return f"is the absolute value of the reference's, {np.mean(numbers.expected < 0):.0%} of which is negative"
    if explains(numbers, np.abs(numbers.value), expected=True):
        return "has signs, the reference is the absolute value of it"
    return None


@check
def scaled(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say by which factor all values are off."""
    factor = factor_between(numbers)
    if (
        factor is None
        or numbers.value.size < 4
        or not sure(numbers)
        or not follows(numbers, factor * numbers.expected, float(np.std(numbers.value)))
    ):
        return None
    left = relative(numbers.value - factor * numbers.expected, numbers.value)
    return f"is {shown(factor)} times the reference's, to within {max(left, 1e-7):.0e}"


@check
def offset(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say by which constant all values are off."""
    shift = float(np.mean(numbers.value - numbers.expected, dtype=np.float64))
    if (
        numbers.value.size < 4
        or not sure(numbers)
        or not follows(numbers, numbers.expected + shift, float(np.std(numbers.value)))
    ):
        return None
    return f"is the reference's {'plus' if shift > 0 else 'minus'} {shown(abs(shift))}"


@check
def affine(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say by which factor and constant all values are off."""
    expected = numbers.expected
    if expected.size < 8 or not sure(numbers) or np.unique(expected[numbers.sample]).size < 8:
        return None
    slope, shift = fit(expected.reshape(1, -1), numbers.value.reshape(1, -1))
    if not slope[0] or not follows(numbers, slope[0] * expected + shift[0], float(np.std(numbers.value))):
        return None
    sign = "plus" if shift[0] > 0 else "minus"
    return f"is {shown(float(slope[0]))} times the reference's {sign} {shown(abs(float(shift[0])))}"


@check
def dropped(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that one side is zero at a share of the places, and elsewhere the other times one factor: dropout."""
    for narrow, wide in ((numbers.value, numbers.expected), (numbers.expected, numbers.value)):
        gone = (narrow == 0) & (wide != 0)
        share, kept = float(gone.mean()), (narrow != 0) & (wide != 0)
        if not 0.001 < share < 0.999 or kept.sum() < 16 or gone.sum() < 16:
            continue
        factor = float(np.median(narrow[kept] / wide[kept]))
        if factor and explains(numbers, np.where(gone, 0, factor * wide), expected=narrow is numbers.expected):
            ours = narrow is numbers.value
            who = "is zero at" if ours else "has numbers where the reference is zero, at"
            times = factor if ours else 1 / factor
            rest = "the reference's" if abs(times - 1) < 1e-4 else f"{shown(times)} times the reference's"
            hint = ": dropout?" if abs(factor * (1 - share) - 1) < 0.2 and abs(factor - 1) > 1e-4 else ""
            return f"{who} {share:.1%} of the places, elsewhere it is {rest}{hint}"
    return None


def by_channel(array: Array, axis: int) -> Array:
    """Return the array as (channels, everything else)."""
    return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)


def along(numbers: Array, ndim: int, axis: int) -> Array:
    """Return one number for each channel in a shape that broadcasts."""
    shape = [1] * ndim
    shape[axis] = -1
    return numbers.reshape(shape)


def fit(given: Array, wanted: Array) -> tuple[Array, Array]:
    """Return for each row the slope and the intercept that bring ``given`` closest to ``wanted``."""
    mean_given = given.mean(axis=1, dtype=np.float64, keepdims=True)
    mean_wanted = wanted.mean(axis=1, dtype=np.float64, keepdims=True)
    centred = given - mean_given.astype(given.dtype)
    power = np.einsum("ij,ij->i", centred, centred)
    shared = np.einsum("ij,ij->i", centred, wanted - mean_wanted.astype(wanted.dtype))
    slope = np.divide(shared, power, out=np.zeros_like(shared), where=power > 0)
    return slope, mean_wanted[:, 0] - slope * mean_given[:, 0]


def factor_between(numbers: Numbers) -> float | None:
    """Return the factor that brings the reference's values closest to the port's."""
    ours, theirs = numbers.value.reshape(-1), numbers.expected.reshape(-1)
    power = float(np.dot(theirs, theirs))
    factor = float(np.dot(ours, theirs)) / power if power > 0 else 0.0
    return factor if factor and np.isfinite(factor) else None
