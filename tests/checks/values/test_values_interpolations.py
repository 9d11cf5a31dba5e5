"""Ways to interpolate."""

import numpy as np
import pytest
import torch
from evidences import noise
from torch.nn import functional

from bisect_tool.checks.values import interpolations

INPUT = noise(2, 3, 10, 12, seed=1)


@pytest.mark.parametrize("size", [(20, 24), (17, 31), (5, 6), (7, 5)])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        (interpolations.NEAREST, {"mode": "nearest"}),
        (interpolations.NEAREST_EXACT, {"mode": "nearest-exact"}),
        (interpolations.BILINEAR, {"mode": "bilinear"}),
        (interpolations.ALIGNED, {"mode": "bilinear", "align_corners": True}),
        (interpolations.BICUBIC, {"mode": "bicubic"}),
        (interpolations.BICUBIC_ALIGNED, {"mode": "bicubic", "align_corners": True}),
        (interpolations.AREA, {"mode": "area"}),
    ],
)
def test_weights_are_torchs(mode, options, size):
    """The matrices give what torch gives, larger and smaller."""
    resized = functional.interpolate(torch.from_numpy(INPUT), size=size, **options)
    down, right = (mode.weights(side, out) for side, out in zip(INPUT.shape[2:], size, strict=True))
    assert np.abs(down @ INPUT @ right.T - resized.numpy()).max() < 2e-5
