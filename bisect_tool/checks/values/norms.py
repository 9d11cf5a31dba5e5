"""Normalisation done otherwise: eps, n - 1 for n, other axes, running statistics, no weight or bias."""

from __future__ import annotations

import numpy as np

from bisect_tool.checks.values.evidence import (
    EPS32,
    SHARE,
    Array,
    Evidence,
    Numbers,
    check,
    compared,
    explains,
    rms,
    shown,
    sure,
)
from bisect_tool.checks.values.layout import channel_axes, other_axes
from bisect_tool.checks.values.linear import along, by_channel, fit
from bisect_tool.checks.values.normalising import EPSILONS, Axes, normalised, other_eps, statistics, variants

DEFAULT_EPS = 1e-5
SOME = 500_000
MOST = 8 * SOME
LEAST = 6
CLOSE = 0.02  # of the error: a ratio near 1 is told from its neighbours only by what it leaves


@check
def normalised_otherwise(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say how the port normalises, where the reference's own way is found in its inputs and outputs."""
    eps = evidence.settings.get("eps", DEFAULT_EPS)
    if not _is_norm(evidence) or not sure(numbers) or not isinstance(eps, (int, float)):
        return None
    for _, whole in evidence.same_shape_inputs[:1]:
        for axes in _own_axes(evidence, whole.shape):
            given, some = _some(whole, numbers, axes)
            words = _otherwise(given, some, axes, eps) if some is not None and given.size <= MOST else None
            if words:
                return words
    return None


def _otherwise(given: Array, some: Numbers, axes: Axes, eps: float) -> str | None:
    """Say how the port normalises, where a weight and a bias make the reference's values of these axes and this eps."""
    channel = given.ndim - 1 if axes.name == "layer" else 1
    # Weight and bias are fitted: fewer numbers for each would be met by any.
    if given.size // given.shape[channel] < LEAST:
        return None
    centred = normalised(given, axes, eps)
    fitted = fit(by_channel(centred, channel), by_channel(some.expected, channel))
    weight, bias = (along(each, given.ndim, channel) for each in fitted)
    rounding = max(SHARE * float(np.std(some.expected)), 4 * some.floor * rms(some.expected))
    if rms(weight * centred + bias - some.expected) > min(0.1 * some.error, rounding):
        return None
    words = _other_eps(given, axes, eps, weight, bias, some)
    if words is not None:
        return words
    return next((words for words, guess in variants(given, axes, eps, weight, bias) if explains(some, guess)), None)


@check
def unbiased(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that the values are scaled around their mean by the root of n / (n - 1): the other variance."""
    value, expected = numbers.value, numbers.expected
    if not _is_norm(evidence) or value.ndim < 2 or not sure(numbers):
        return None
    for axis in channel_axes(value.ndim):
        others = other_axes(value.ndim, axis)
        if value.size // value.shape[axis] < 8:
            continue
        difference = value - expected
        around = rms(difference - difference.mean(axis=others, keepdims=True))
        if around <= 3 * numbers.floor * rms(expected):
            continue
        for n in _lengths(value.shape):
            for ratio in (np.sqrt((n - 1) / n), np.sqrt(n / (n - 1))) if 1 / n > numbers.floor else ():
                rest = value - ratio * expected
                guess = ratio * expected + rest.mean(axis=others, keepdims=True)
                if explains(numbers, guess) and rms(value - guess) <= CLOSE * around:
                    return _other_variance(n, ratio)
    return None


def _other_variance(n: int, ratio: float) -> str:
    ours, theirs, root = ("n", "n - 1", "n / (n - 1)") if ratio > 1 else ("n - 1", "n", "(n - 1) / n")
    return (
        f"is {ratio:.6g} times the reference's around the mean, the root of {root} for n = {n}: "
        f"it divides the variance by {ours}, the reference by {theirs}"
    )


@check
def running_statistics(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say that one side's channels have mean 0 and standard deviation 1 as a batch's own statistics give, the other's not."""
    value, expected = numbers.value, numbers.expected
    if "batchnorm" not in "".join(evidence.classes).lower() or value.ndim < 3 or not sure(numbers):
        return None
    given = [array for _, array in evidence.same_shape_inputs[:1]]
    if not given or _standard(value) == _standard(expected) or value.size // value.shape[1] < 16:
        return None
    for one, other, words in (
        (expected, value, "is normalised with other statistics (running ones?), the reference with the batch's own"),
        (value, expected, "is normalised with the batch's own statistics, the reference with others (running ones?)"),
    ):
        if not _standard(one):
            continue
        slope, shift = fit(by_channel(given[0], 1), by_channel(other, 1))
        linear = along(slope, value.ndim, 1) * given[0] + along(shift, value.ndim, 1)
        if rms(linear - other) <= SHARE * float(np.std(other)):
            mean = np.abs(other.mean(axis=other_axes(value.ndim, 1)))
            return f"{words} (channel means 0 there, up to {shown(float(mean.max()))} here)"
    return None


def _other_eps(given: Array, axes: Axes, eps: float, weight: Array, bias: Array, some: Numbers) -> str | None:
    """Say which eps explains the port's values, one of the usual ones or not."""
    left = {}
    for other in (*EPSILONS, _fitted_eps(given, axes, eps, weight, bias, some)):
        guess = None if other is None or other == eps else weight * normalised(given, axes, other) + bias
        if other is not None and guess is not None and explains(some, guess):
            left[other] = rms(some.value - guess)
    return other_eps(eps, left, EPS32 * rms(some.value))


def _fitted_eps(given: Array, axes: Axes, eps: float, weight: Array, bias: Array, some: Numbers) -> float | None:
    """Return the eps that the channels' sizes speak for, None where they are too few."""
    _, variance, _ = statistics(given, axes)
    if variance.size < 4:
        return None
    own = weight * normalised(given, axes, eps)
    where = tuple(a for a in range(given.ndim) if variance.shape[a] == 1) if not axes.groups else axes.axes
    ratio = np.sum(own * (some.value - bias), axis=where, keepdims=True) / np.sum(own * own, axis=where, keepdims=True)
    if ratio.shape != variance.shape:
        return None
    found = float(np.median((variance + eps) / ratio**2 - variance))
    return found if found > 0 else None


def _own_axes(evidence: Evidence, shape: tuple[int, ...]) -> list[Axes]:
    """Return what the reference may normalise together, by its class's name."""
    name = evidence.classes[0].lower()
    ndim, groups = len(shape), evidence.settings.get("num_groups")
    grouped = groups if isinstance(groups, int) and groups > 0 and ndim > 1 and shape[1] % groups == 0 else 0
    inner = tuple(range(2, ndim))
    known = {
        "batch": [Axes("batch", (0, *inner))] if ndim > 1 else [],
        "instance": [Axes("instance", inner)] if inner else [],
        "group": [Axes("group", (), grouped)] if grouped else [],
        "layer": [Axes("layer", (ndim - 1,))] if ndim > 1 else [],
    }
    named = [axes for kind, axes in known.items() if kind in name]
    return [axes for found in (named or known.values()) for axes in found]


def _some(whole: Array, numbers: Numbers, axes: Axes) -> tuple[Array, Numbers | None]:
    """Return whole channels for batch norm, whole images for all others, no more than can be tried out in time."""
    axis = 1 if axes.name == "batch" else 0
    if whole.size <= SOME:
        return whole, numbers
    count = max(1, whole.shape[axis] * SOME // whole.size)
    if axes.name == "batch":
        count = max(count, min(4, whole.shape[axis]))
    chosen = np.linspace(0, whole.shape[axis] - 1, count).round().astype(int)
    value, expected = (array.take(chosen, axis) for array in (numbers.value, numbers.expected))
    return whole.take(chosen, axis), compared(value, expected, numbers.floor)


def _lengths(shape: tuple[int, ...]) -> list[int]:
    """Return over how many numbers a normalisation of this shape may go."""
    inner = int(np.prod(shape[2:]))
    found = [shape[0] * inner, shape[-1], inner, shape[1] * inner]
    return [n for n in dict.fromkeys(found) if 1 < n <= 1 << 20]


def _standard(array: Array) -> bool:
    """Tell whether every channel has mean 0 and all have standard deviation 1, or nearly."""
    others = other_axes(array.ndim, 1)
    mean, spread = array.mean(axis=others, dtype=np.float64), array.std(axis=others, dtype=np.float64)
    return bool((np.abs(mean) <= 1e-4).all() and (np.abs(spread - 1) <= 1e-2).all())


def _is_norm(evidence: Evidence) -> bool:
    return "norm" in "".join(evidence.classes).lower() or "eps" in evidence.settings
