"""Another adaptive or global pooling."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import adaptive
from bisect_tool.checks.values.checks import describe

INPUT = noise(2, 6, 13, 13, seed=1) - 0.5
ODD = noise(2, 3, 63, 63, seed=1)


def averages(windows, size, given=ODD):
    """Return adaptive average pooling with some rule's windows."""
    reduced = np.stack([given[:, :, a:b].mean(2) for a, b in windows(given.shape[2], size)], 2)
    return np.stack([reduced[..., a:b].mean(3) for a, b in windows(given.shape[3], size)], 3)


def test_torchs_adaptive_windows():
    """They are as torch computes them."""
    wanted = functional.adaptive_avg_pool2d(torch.from_numpy(ODD), 8).numpy()
    assert np.abs(averages(adaptive.torch_windows, 8) - wanted).max() < 1e-6


def test_jittors_adaptive_windows():
    """Jittor's rule is said where sizes do not divide."""
    value, expected = (averages(windows, 8) for windows in (adaptive.equal_windows, adaptive.torch_windows))
    words = adaptive.adaptive_pooling(evidence(value, expected, ODD, framework="jittor"))
    assert words == (
        "has windows of one size in adaptive pooling, the reference torch's: 63 to 8 does not divide: "
        "Jittor's adaptive pooling takes them"
    )
    assert describe(evidence(value, expected, ODD, framework="jittor")) == [words]
    assert adaptive.adaptive_pooling(evidence(nearly(value), expected, ODD)) is None
    assert adaptive.adaptive_pooling(evidence(value, expected, noise(2, 3, 63, 63, seed=2))) is None
    assert adaptive.adaptive_pooling(evidence(expected, value, ODD)).startswith("has torch's windows in adaptive pool")


@pytest.mark.parametrize("keep", [True, False])
def test_global_pooling(keep):
    """Maximum for mean and sum for mean are said, with and without the axes of length 1."""
    mean, largest, total = (how(axis=(2, 3), keepdims=keep) for how in (INPUT.mean, INPUT.max, INPUT.sum))
    words = adaptive.adaptive_pooling(evidence(largest, mean, INPUT))
    assert words == "is global max pooling, the reference global average pooling"
    words = adaptive.adaptive_pooling(evidence(total, mean, INPUT))
    assert words == "is global sum pooling, the reference global average pooling"
    assert adaptive.adaptive_pooling(evidence(nearly(largest), mean, INPUT)) is None
