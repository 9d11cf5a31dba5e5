"""Ways to normalise: over which axes, with which eps and variance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bisect_tool.checks.values.evidence import Array

EPSILONS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 1e-2, 0.0)


@dataclass(frozen=True)
class Axes:
    """What is normalised together. Attributes: ``name``, ``axes``, ``groups`` (channels split first; 0: not)."""

    name: Literal["batch", "instance", "group", "layer", "image"]
    axes: tuple[int, ...]
    groups: int = 0


def statistics(given: Array, axes: Axes) -> tuple[Array, Array, int]:
    """Return mean, variance (divided by n) and n, in shapes that broadcast."""
    if axes.groups:
        parts = given.reshape(given.shape[0], axes.groups, -1)
        width = given.shape[1] // axes.groups
        shape = (given.shape[0], given.shape[1]) + (1,) * (given.ndim - 2)
        mean, variance = (np.repeat(a, width, axis=1).reshape(shape) for a in (parts.mean(-1), parts.var(-1)))
        return mean, variance, parts.shape[-1]
    n = int(np.prod([given.shape[a] for a in axes.axes]))
    return given.mean(axis=axes.axes, keepdims=True), given.var(axis=axes.axes, keepdims=True), n


def normalised(given: Array, axes: Axes, eps: float) -> Array:
    """Return the values less their mean, divided by the root of variance plus eps."""
    mean, variance, _ = statistics(given, axes)
    return np.asarray((given - mean) / np.sqrt(variance + eps))


def variants(given: Array, axes: Axes, eps: float, weight: Array, bias: Array) -> Iterator[tuple[str, Array]]:
    """Yield other ways to normalise than with another eps in words, each with what comes out."""
    own = normalised(given, axes, eps)
    words = "has no weight and no bias applied after normalising"
    # A reference with running statistics is a weight and a bias away from the batch's own, too.
    yield f"{words}, or the batch's own statistics for running ones" if axes.name == "batch" else words, own
    yield "has no bias added after normalising", weight * own
    yield "has no weight applied after normalising", own + bias
    for words, guess in _other_formulas(given, axes, eps):
        yield words, weight * guess + bias
    for other_axes in _all_axes(given.shape):
        if (other_axes.axes, other_axes.groups) != (axes.axes, axes.groups):
            words = f"is normalised as {_words(other_axes)}, the reference as {_words(axes)}"
            yield words, weight * normalised(given, other_axes, eps) + bias


def other_eps(eps: float, left: Mapping[float, float], rounding: float) -> str | None:
    """Say with which eps the port normalises; ``left`` is what each that explains its values leaves of them (rms).

    Where several leave as little, the values do not say which of them it is: with large variances none of the small ones.
    """
    if not left:
        return None
    least = 1.5 * min(left.values()) + rounding
    alike = sorted(other for other, rest in left.items() if rest <= least)
    usual = [other for other in alike if other in EPSILONS] or alike[:1]
    if len(usual) == 1:
        words = f"eps {usual[0]:.3g}"
    else:
        words = f"an eps of at most {usual[-1]:g}" if usual[0] == 0 else f"an eps of {usual[0]:g} to {usual[-1]:g}"
    return f"is normalised with {words}, the reference with {eps:g}"


def _other_formulas(given: Array, axes: Axes, eps: float) -> Iterator[tuple[str, Array]]:
    """Yield what is normalised by other formulas, before a weight and a bias."""
    mean, variance, n = statistics(given, axes)
    centred = given - mean
    if n > 1:
        words = f"is normalised with the variance divided by n - 1, the reference by n = {n}"
        yield words, centred / np.sqrt(variance * n / (n - 1) + eps)
    words = "has eps added to the standard deviation, the reference to the variance"
    yield words, centred / (np.sqrt(variance) + eps)
    yield "has the mean subtracted but is not divided", centred
    words = "is divided by the root mean square, the mean is not subtracted"
    yield words, given / np.sqrt(variance + mean**2 + eps)
    yield "is divided by the variance, not by its root", centred / (variance + eps)
    if axes.name == "batch":
        words = "is normalised with running statistics still at 0 and 1, the reference with the batch's own"
        yield words, given / np.sqrt(1 + eps)


def _all_axes(shape: tuple[int, ...]) -> list[Axes]:
    inner = tuple(range(2, len(shape)))
    found = [Axes("batch", (0, *inner)), Axes("layer", (len(shape) - 1,))]
    if inner:
        found += [Axes("instance", inner), Axes("image", (1, *inner))]
    found += [Axes("group", (), g) for g in range(2, min(shape[1], 65)) if shape[1] % g == 0] if len(shape) > 1 else []
    return found


def _words(axes: Axes) -> str:
    if axes.groups:
        return f"group norm with {axes.groups} groups"
    return "one group of all channels" if axes.name == "image" else f"{axes.name} norm"
