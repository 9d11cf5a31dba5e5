"""Optimizers that are simulated: the steps that torch and Jittor take, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bisect_tool.axes.optimizer.cells import Group
from bisect_tool.worker.arrays import slopes

SGD = {"lr": 0.01, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
NESTEROV = {**SGD, "momentum": 0.937, "nesterov": True}
ADAM = {"lr": 0.001, "betas.0": 0.9, "betas.1": 0.999, "eps": 1e-8, "weight_decay": 0.0}
WEIGHTS = ("a.weight", "b.weight", "c.weight")
NORMS = ("a.norm.weight", "b.norm.weight")
BIASES = ("a.bias", "b.bias", "c.bias")
ALL = WEIGHTS + NORMS + BIASES
Values = np.ndarray[Any, np.dtype[Any]]
Steps = Callable[..., "list[Values]"]


def sgd(start: Values, gradient: Values, *, jittor: bool = False, **chosen: float) -> list[Values]:
    """Take two steps in float32, in torch's order of operations or in Jittor's."""
    known = {k: np.float32(chosen[k]) for k in ("lr", "momentum", "weight_decay", "dampening")}
    lr, momentum, decay, dampening = known.values()
    values, velocity, found = start, np.zeros_like(start), []
    for number, of_step in enumerate(slopes.of_steps(gradient)):
        slope = values * decay + of_step
        if jittor:
            velocity = momentum * velocity + slope * (1 - dampening)
            values = values - (slope + momentum * velocity if chosen["nesterov"] else velocity) * lr
        else:
            velocity = momentum * velocity + (1 - dampening) * slope if number else slope
            step = (slope + momentum * velocity if chosen["nesterov"] else velocity) if momentum else slope
            values = values + -lr * step
        found.append(values)
    return found


def adam(
    start: Values, gradient: Values, *, jittor: bool = False, decoupled: bool = False, **chosen: float
) -> list[Values]:
    """Take two steps in float32; Jittor adds eps before the correction."""
    lr, beta1, beta2, eps, decay = (
        chosen["lr"],
        chosen["betas.0"],
        chosen["betas.1"],
        chosen["eps"],
        chosen["weight_decay"],
    )
    values, first, second, most, found = start, np.zeros_like(start), np.zeros_like(start), np.zeros_like(start), []
    for number, of_step in enumerate(slopes.of_steps(gradient), 1):
        values = values * np.float32(1 - lr * decay) if decoupled else values
        slope = of_step if decoupled else of_step + np.float32(decay) * values
        first = np.float32(beta1) * first + np.float32(1 - beta1) * slope
        second = np.float32(beta2) * second + np.float32(1 - beta2) * slope * slope
        size, root = np.float32(lr / (1 - beta1**number)), np.float32(np.sqrt(1 - beta2**number))
        most = np.maximum(most, second) if chosen.get("amsgrad") else second
        scale = (np.sqrt(most) + np.float32(eps)) / root if jittor else np.sqrt(most) / root + np.float32(eps)
        values = values - size * first / scale
        found.append(values)
    return found


def drawn(name: str) -> tuple[Values, Values]:
    """Return a parameter as nets have it: weights small, norms ones, biases zero but the last; and a gradient."""
    draw = np.random.default_rng(len(name) + ord(name[0]))
    shape = (8, 4, 3, 3) if name in WEIGHTS else (8,)
    start = (
        draw.normal(0, 0.05, shape) if name in WEIGHTS else np.full(shape, name in NORMS or 1.5 * (name == "c.bias"))
    )
    return start.astype(np.float32), draw.normal(0, 0.02, shape).astype(np.float32)


def group(chosen: Mapping[str, float], names: Sequence[str] = ALL, name: str = "SGD", **more: float) -> Group:
    """Return a group with some settings."""
    return Group(name, {**chosen, **more}, tuple(names))
