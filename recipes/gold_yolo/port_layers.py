"""What the port needs of PyTorch's functions and Jittor lacks, or computes otherwise."""

from collections.abc import Sequence

import jittor as jt
import numpy as np
from jittor import Var, nn


def adaptive_avg_pool(x: Var, size: Sequence[int]) -> Var:
    """Average (B, C, H, W) over windows that cover it, to (B, C, h, w).

    Jittor's own takes other windows than PyTorch's where h does not divide H.
    """
    rows, columns = (windows(length, count) for length, count in zip(x.shape[2:], size, strict=True))
    b, c, height, width = x.shape
    x = jt.matmul(x.reshape(-1, width), columns.transpose())
    x = jt.matmul(rows, x.reshape(b * c, height, -1))
    return x.reshape(b, c, *size)


def windows(length: int, count: int) -> Var:
    """Return the weights (count, length) of ``count`` averages, each over floor(i L / n) up to ceil((i + 1) L / n)."""
    weights = np.zeros((count, length), "float32")
    for i in range(count):
        start, end = i * length // count, -(-(i + 1) * length // count)
        weights[i, start:end] = 1 / (end - start)
    return jt.array(weights)


def resized(x: Var, size: Sequence[int]) -> Var:
    """Resize bilinearly to (h, w), the centres of the corner pixels not aligned."""
    return nn.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class HardSigmoid(nn.Module):
    """Rise in a straight line from 0 at -3 to 1 at 3."""

    def __init__(self) -> None:
        self.relu = nn.ReLU6()

    def execute(self, x: Var) -> Var:
        return self.relu(x + 3) / 6


def binary_cross_entropy(probability: Var, target: Var) -> Var:
    """Return the cross-entropy of each probability, its logarithms no lower than -100 as in PyTorch."""
    return -(target * limited_log(probability) + (1 - target) * limited_log(1 - probability))


def limited_log(x: Var) -> Var:
    return jt.where(x > 0, jt.maximum(x, 1e-38).log(), jt.full_like(x, -100.0))
