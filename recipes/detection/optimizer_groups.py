"""What both recipes train with, in the order that both frameworks take: SGD with three groups of parameters."""

from collections.abc import Iterable
from typing import Any

LEARNING_RATE = 0.01
MOMENTUM = 0.937
DECAY = 5e-4


def parameter_groups(layers: Iterable[Any], norm: type) -> list[dict]:
    """Split the layers' parameters into batch norms' weights, other weights and biases; only other weights decay."""
    norms, weights, biases = [], [], []
    for layer in layers:
        weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
        if weight is not None:
            (norms if isinstance(layer, norm) else weights).append(weight)
        if bias is not None:
            biases.append(bias)
    return [{"params": norms}, {"params": weights, "weight_decay": DECAY}, {"params": biases}]
