"""Another pooling, other windows."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import pooling
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.pooling import Border

INPUT = noise(2, 6, 13, 13, seed=1) - 0.5


def maximum(kernel, stride, padding, given=INPUT, **options):
    """Return torch's max pooling."""
    return functional.max_pool2d(torch.from_numpy(given), kernel, stride, padding, **options).numpy()


def average(kernel, stride, padding, given=INPUT, **options):
    """Return torch's average pooling."""
    return functional.avg_pool2d(torch.from_numpy(given), kernel, stride, padding, **options).numpy()


ZEROS = maximum(3, 2, 0, np.pad(INPUT, ((0, 0), (0, 0), (1, 1), (1, 1))))
THREE = {"kernel_size": 3, "stride": 2, "padding": 1}


@pytest.mark.parametrize(
    ("value", "expected", "settings", "words"),
    [
        (
            average(3, 2, 1),
            maximum(3, 2, 1),
            THREE,
            (
                "is 3x3 average pooling with stride 2 and padding 1 (padding counted), the reference "
                "3x3 max pooling with stride 2 and padding 1"
            ),
        ),
        (
            maximum(3, 1, 1),
            maximum(5, 1, 2),
            {"kernel_size": [5, 5], "stride": 1, "padding": 2},
            "is 3x3 max pooling with stride 1 and padding 1, the reference 5x5 max pooling with stride 1 and padding 2",
        ),
        (
            average(3, 2, 1),
            average(3, 2, 1, count_include_pad=False),
            THREE,
            (
                "is 3x3 average pooling with stride 2 and padding 1 (padding counted), the reference "
                "3x3 average pooling with stride 2 and padding 1 (padding not counted): Jittor's AvgPool2d ignores "
                "count_include_pad=False unless ceil_mode is set"
            ),
        ),
        (ZEROS, maximum(3, 2, 1), THREE, "is 3x3 max pooling with stride 2 and padding 1 (padded with zeros), the ref"),
        (
            maximum(2, 2, 0),
            maximum(3, 2, 0)[..., :6, :6],
            {"kernel_size": 3, "stride": 2, "padding": 0},
            "is 2x2 max pooling with stride 2 and padding 0, the reference 3x3 max pooling with stride 2 and padding 0",
        ),
    ],
)
def test_found(value, expected, settings, words):
    """Both poolings are named; with noise, or for other numbers, nothing is said."""
    assert pooling.other_pooling(evidence(value, expected, INPUT, framework="jittor", **settings)).startswith(words)
    assert pooling.other_pooling(evidence(nearly(value), expected, INPUT, **settings)) is None
    assert pooling.other_pooling(evidence(noise(*value.shape, seed=8), expected, INPUT, **settings)) is None
    assert pooling.other_pooling(evidence(value, expected, noise(2, 6, 13, 13, seed=3), **settings)) is None
    assert pooling.other_pooling(evidence(value, expected, **settings)) is None


@pytest.mark.parametrize("kernel", [2, 3, (3, 5)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_pooling_is_torchs(kernel, stride, ceil, counted):
    """Windows and counts are torch's, at every border."""
    pair = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    padding = (pair[0] // 2, pair[1] // 2)
    maps = INPUT.reshape(-1, 13, 13).astype(np.float64)
    for kind, border, wanted in (
        ("max", Border.LEFT_OUT, maximum(kernel, stride, padding, ceil_mode=ceil)),
        (
            "average",
            Border.COUNTED if counted else Border.NOT_COUNTED,
            average(kernel, stride, padding, ceil_mode=ceil, count_include_pad=counted),
        ),
    ):
        way = pooling.Pooling(kind, border, pair, (stride, stride), padding)
        found = pooling.pooled(maps, way, wanted.shape[2:])
        assert np.abs(found.reshape(wanted.shape) - wanted).max() < 1e-6


def test_windows_that_divide():
    """What is called pooling with a kernel and what is called adaptive is so by the settings."""
    given = INPUT[..., :12, :12].copy()
    value, expected = average(2, 2, 0, given), maximum(2, 2, 0, given)
    (words,) = describe(evidence(value, expected, given, kernel_size=2, stride=2, padding=0))
    assert words.startswith("is 2x2 average pooling with stride 2 and padding 0, the reference 2x2 max")
    (words,) = describe(evidence(value, expected, given, output_size=6))
    assert words == "is adaptive average pooling, the reference adaptive max pooling"


def test_jittors_ceil_mode():
    """Windows that reach beyond the padding are divided otherwise."""
    settings = {"kernel_size": 4, "stride": 3, "padding": 1}
    wide = np.pad(INPUT, ((0, 0), (0, 0), (1, 4), (1, 4)))
    expected = average(4, 3, 1, ceil_mode=True)
    value = average(4, 3, 0, wide)[..., : expected.shape[2], : expected.shape[3]]
    words = pooling.other_pooling(evidence(value, expected, INPUT, framework="jittor", **settings))
    assert words.endswith(": Jittor's ceil_mode divides by the whole window")
