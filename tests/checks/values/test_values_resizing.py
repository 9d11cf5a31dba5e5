"""Another interpolation."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import resizing

INPUT = noise(2, 3, 10, 12, seed=1)


def resized(**options):
    """Return torch's interpolation."""
    return functional.interpolate(torch.from_numpy(INPUT), **options).numpy()


TWICE = {"scale_factor": 2}
BILINEAR = resized(mode="bilinear", **TWICE)


@pytest.mark.parametrize(
    ("value", "expected", "settings", "words"),
    [
        (
            resized(mode="bilinear", align_corners=True, **TWICE),
            BILINEAR,
            TWICE,
            "is bilinear with align_corners=True, the reference bilinear with align_corners=False",
        ),
        (BILINEAR, resized(**TWICE), {}, "is bilinear with align_corners=False, the reference nearest"),
        (resized(**TWICE), BILINEAR, {}, "is nearest, the reference bilinear with align_corners=False"),
        (np.tile(INPUT, (1, 1, 2, 2)), resized(**TWICE), {}, "is the input tiled (repeated as a whole), the reference"),
        (resized(size=17), resized(size=17, mode="nearest-exact"), {}, "is nearest, the reference nearest to pixel"),
        (
            resized(size=5, mode="bilinear"),
            resized(size=5, mode="area"),
            {},
            "is bilinear with align_corners=False, the reference area",
        ),
        (
            resized(scale_factor=1.75, mode="bilinear", recompute_scale_factor=True),
            resized(scale_factor=1.75, mode="bilinear"),
            {"scale_factor": 1.75},
            "is bilinear with align_corners=False, the reference bilinear with align_corners=False, by the given scale",
        ),
        (BILINEAR, resized(mode="bicubic", **TWICE), {}, "is bilinear with align_corners=False, the reference bicubic"),
    ],
)
def test_found(value, expected, settings, words):
    """Both ways are named; with noise, or for other numbers, nothing is said."""
    assert resizing.other_interpolation(evidence(value, expected, INPUT, **settings)).startswith(words)
    assert resizing.other_interpolation(evidence(nearly(value), expected, INPUT, **settings)) is None
    assert resizing.other_interpolation(evidence(value, expected, noise(2, 3, 10, 12, seed=3), **settings)) is None
    assert resizing.other_interpolation(evidence(value, expected, **settings)) is None


def test_jittors_defaults():
    """Where Jittor's function of the same name does otherwise, it is said."""
    words = resizing.other_interpolation(evidence(BILINEAR, resized(**TWICE), INPUT, framework="jittor"))
    assert words.endswith("the reference nearest: Jittor's interpolate is bilinear by default")
    aligned = resized(mode="bilinear", align_corners=True, **TWICE)
    words = resizing.other_interpolation(evidence(BILINEAR, aligned, INPUT, framework="jittor"))
    assert words.endswith(": Jittor's UpsamplingBilinear2d does not align corners")
