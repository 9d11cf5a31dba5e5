"""Known functions of one tensor, in numpy: activations, and softmax over an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bisect_tool.checks.values.evidence import Array

Function = Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(0.5 * (np.tanh(0.5 * x) + 1))


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x))."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def leaky(slope: float) -> Function:
    """Return the leaky ReLU of a slope."""
    return lambda x: np.where(x > 0, x, slope * x)


def _erf(x: Array) -> Array:
    """Return the error function to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.sign(x) * (1 - series * np.exp(-x * x)))


def _tanh_gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


ACTIVATIONS: dict[str, Function] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / np.sqrt(2))),
    "gelu's tanh approximation": _tanh_gelu,
    "gelu's sigmoid approximation": lambda x: x * sigmoid(1.702 * x),
    "leaky_relu with slope 0.01": leaky(0.01),
    "leaky_relu with slope 0.1": leaky(0.1),
    "leaky_relu with slope 0.2": leaky(0.2),
    "leaky_relu with slope 0.3": leaky(0.3),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "Keras' hard_sigmoid (0.2 x + 0.5)": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "logsigmoid": lambda x: -softplus(-x),
}
# What an output may be put through once too often or too seldom; all are certain about what they are given.
OTHERS: dict[str, Function] = {
    "exp": lambda x: np.exp(np.minimum(x, 80)),
    "log": lambda x: np.log(np.maximum(x, 1e-45)),
    "square": np.square,
    "square root": lambda x: np.sqrt(np.maximum(x, 0)),
    "reciprocal": lambda x: np.divide(1, x, out=np.zeros_like(x), where=x != 0),
}


@dataclass(frozen=True)
class Named:
    """What a finding calls a function.

    Attributes: its ``words``; ``shares`` (whether it is a softmax, whose values sum to one), ``over_all`` (whether it is a softmax, or
    the logarithm of one, over everything).
    """

    words: str
    shares: bool = False
    over_all: bool = False

    def __str__(self) -> str:
        """Return its words."""
        return self.words


def softmax(x: Array, axis: int | None) -> Array:
    """Return the softmax over an axis, or over everything."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int | None) -> Array:
    """Return the logarithm of the softmax."""
    centred = x - x.max(axis=axis, keepdims=True)
    return np.asarray(centred - np.log(np.exp(centred).sum(axis=axis, keepdims=True)))


def softmaxes(x: Array, target: Array) -> Iterator[tuple[Named, Array]]:
    """Yield those softmaxes of ``x`` that the target can be one of by its range and its sums."""
    if x.size < 2:
        return
    low, high = float(target.min()), float(target.max())
    for axis in (*range(x.ndim), *([None] if x.ndim > 1 else [])):
        words = "over everything" if axis is None else f"over axis {axis}"
        if axis is not None and x.shape[axis] < 2:
            continue
        if low >= 0 and high <= 1 + 1e-5 and np.abs(target.sum(axis=axis) - 1).max() < 0.01:
            yield Named(f"softmax {words}", shares=True, over_all=axis is None), softmax(x, axis)
        if high <= 1e-5 and low < 0 and np.abs(np.exp(target).sum(axis=axis) - 1).max() < 0.01:
            yield Named(f"log_softmax {words}", over_all=axis is None), log_softmax(x, axis)
