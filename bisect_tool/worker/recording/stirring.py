"""Weights at a generic point: no tensor zero, tiny or everywhere the same, so that a run feels all that the code does.

At initialisation much is: heads and biases that are zero, gates that let nothing through, norms that scale by one. What is
random already stays as it is, small numbers included: a wrong eps shows beside them alone.
"""

from __future__ import annotations

import math
import zlib

import numpy as np

from ..arrays import Array
from ..model.build import Model

SEED = 11
EQUAL = 1e-6  # of a tensor's size; numbers no further apart are the same
TINY = 0.1  # a gate below it lets next to nothing through


def stirred(model: Model, strength: float = 1.0) -> dict[str, Array]:
    """Return other values of those of a model's tensors that hardly say anything, by name, a tied one's by its first.

    ``strength`` (1 at most) is how far they go from what they were. The same tensor is stirred alike in every run.
    """
    found = {}
    for name, (_, kind, _) in model.state.items():
        own = model.own[name]
        if name not in model.alias_of and own.dtype.kind == "f" and _alike(own):
            draws = np.random.default_rng([SEED, zlib.crc32(name.encode())])
            values = _values(name.rpartition(".")[2], kind, own, strength, draws)
            if values is not None:
                found[name] = values.astype(own.dtype)
    return found


def _alike(array: Array) -> bool:
    """Tell whether all numbers of a tensor are the same one, and finite."""
    if not array.size:
        return False
    low, high = float(array.min()), float(array.max())
    return math.isfinite(low) and math.isfinite(high) and high - low <= EQUAL * max(abs(low), abs(high))


def _values(last: str, kind: str, own: Array, strength: float, draws: np.random.Generator) -> Array | None:
    """Return the values of one tensor by the last part of its name, None for one that stays as it is."""

    def normal(std: float) -> Array:
        return strength * draws.normal(0.0, std, own.shape)

    def uniform(low: float, high: float) -> Array:
        return draws.uniform(low, high, own.shape)

    size = float(np.abs(own).max())
    if last == "running_mean":
        return normal(0.3)
    if last == "running_var":
        return 1 + strength * (uniform(0.5, 2.0) - 1)
    if kind == "buffer":
        return None
    if _is_matrix(last, own):
        if size * _fan_in(own.shape) < TINY:  # else it is a mean, or the like
            return normal(_fan_in(own.shape) ** -0.5)
    elif size < TINY:
        is_bias = own.size > 1 and ("bias" in last or last == "beta")
        return normal(0.3) if is_bias else strength * uniform(0.3, 0.7)
    values: Array = own * (1 + strength * uniform(-0.5, 0.5))
    return values


def _is_matrix(last: str, own: Array) -> bool:
    """Tell a layer's weight from a vector that is broadcast: a gate of shape [1, C, 1, 1]."""
    return own.ndim >= 2 and own.size > 1 and (max(own.shape) < own.size or last in ("weight", "kernel"))


def _fan_in(shape: tuple[int, ...]) -> int:
    """Return how many inputs a row of a matrix has; one of [1, N, D], an embedding of places, has N rows."""
    size = math.prod(shape)
    inputs = size // next((length for length in shape if length > 1), 1)
    return inputs if inputs > 1 else size // shape[0]
