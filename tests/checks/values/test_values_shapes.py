"""Outputs of another shape."""

import numpy as np
import pytest
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import shapes

EXPECTED = noise(seed=2)
POOLED = EXPECTED.mean((2, 3), keepdims=True)


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (
            EXPECTED.transpose(0, 2, 3, 1),
            EXPECTED,
            "the axes in the order 0, 2, 3, 1 (channels last); the numbers agree",
        ),
        (EXPECTED.reshape(-1), EXPECTED, "flattened; the numbers agree"),
        (EXPECTED.reshape(4, -1), EXPECTED, "flattened in part; the numbers agree"),
        (
            EXPECTED.transpose(0, 2, 3, 1).reshape(4, -1),
            EXPECTED,
            "the axes in the order 0, 2, 3, 1 (channels last), t",
        ),
        (POOLED[..., 0, 0], POOLED, "shape [4, 8], reference [4, 8, 1, 1]: axes of length 1 are missing; the numbers"),
        (EXPECTED[None], EXPECTED, "extra axes of length 1; the numbers agree"),
        (EXPECTED[:, :6], EXPECTED, "the last 2 of 8 along axis 1 are missing; all else agrees"),
        (EXPECTED[:, :, 1:], EXPECTED, "the first 1 of 12 along axis 2 are missing; all else agrees"),
        (EXPECTED, EXPECTED[:, :5], "the last 3 of 8 along axis 1 are too many; all else agrees"),
        (EXPECTED.mean(1), EXPECTED, "averaged over axis 1"),
        (EXPECTED.sum(0, keepdims=True), EXPECTED, "summed over axis 0"),
        (EXPECTED[:, -1], EXPECTED, "only index 7 of axis 1"),
    ],
)
def test_found(value, expected, words):
    """How the shape comes about is said where the numbers agree."""
    assert words in shapes.other_shape(evidence(value, expected))
    assert shapes.other_shape(evidence(nearly(np.asarray(value)), expected)) is None
    assert shapes.other_shape(evidence(noise(*value.shape, seed=8), expected)) is None


def test_equal_shapes_or_few_numbers():
    """There is nothing to say of equal shapes, and two numbers agree by chance."""
    assert shapes.other_shape(evidence(EXPECTED, 2 * EXPECTED)) is None
    assert shapes.other_shape(evidence(np.zeros((2, 1)), np.zeros(2))) is None
    assert shapes.other_shape(evidence(np.zeros(0), np.zeros((0, 3)))) is None
