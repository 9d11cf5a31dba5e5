"""Values that were never computed are said to be so, and others are not."""

import numpy as np
import pytest
from evidences import evidence, noise

from bisect_tool.checks.values import filled

EXPECTED = noise(seed=2)


def test_all_zero():
    """The reference's mean and standard deviation are shown beside it."""
    words = filled.all_zero(evidence(np.zeros_like(EXPECTED), EXPECTED))
    assert words == "is all zero, reference has mean -0.01 and standard deviation 1"


def test_a_reference_that_is_zero_too_is_no_finding():
    """Nothing differs."""
    zero = np.zeros_like(EXPECTED)
    assert filled.all_zero(evidence(zero, zero)) is None
    assert filled.all_zero(evidence(EXPECTED, zero)) is None


def test_one_constant():
    """The constant is shown, beside what the reference has."""
    constant = np.full_like(EXPECTED, 0.5)
    assert filled.constant(evidence(constant, EXPECTED)).startswith("is 0.5 everywhere, reference has mean -0.01")
    assert filled.constant(evidence(constant, 2 * constant)) == "is 0.5 everywhere, reference has 1 everywhere"


@pytest.mark.parametrize("value", [0.5 + 1e-3 * EXPECTED, np.full(3, 0.5, np.float32)])
def test_what_is_not_quite_constant_or_too_small_to_tell(value):
    """A small spread is a spread, and three equal numbers may be chance."""
    assert filled.constant(evidence(value, noise(*value.shape, seed=3))) is None


def test_channels_without_pixels_of_their_own():
    """Each channel is one number; a reference that is so too is no finding."""
    flat = np.broadcast_to(EXPECTED.mean((2, 3), keepdims=True), EXPECTED.shape)
    words = filled.constant_maps(evidence(flat, EXPECTED))
    assert words.startswith("is in every channel the same at all pixels, the reference's vary (standard deviation")
    assert filled.constant_maps(evidence(flat, 2 * flat)) is None
    assert filled.constant_maps(evidence(EXPECTED, flat)) is None


@pytest.mark.parametrize(
    ("index", "fill", "words"),
    [
        (np.s_[-1:], 0, "is all zero in image 3 of 4, all else is right"),
        (np.s_[:, 5:], 0, "is all zero in the last 3 of 8 channels, all else is right"),
        (np.s_[:, :, :2], 7, "is all 7 in the first 2 of 12 rows, all else is right"),
        (np.s_[..., [1, 3, 4]], 0, "is all zero in columns 1, 3 and 4 of 12, all else is right"),
        (np.s_[:, 1:7], 0, "is all zero in 6 of 8 channels (1, 2, 3 ...), all else is right"),
    ],
)
def test_a_part_that_is_not_written(index, fill, words):
    """The part and what it is filled with are named."""
    value = EXPECTED.copy()
    value[index] = fill
    assert filled.unwritten(evidence(value, EXPECTED)) == words


def test_a_part_of_a_tensor_without_named_axes():
    """The axis is said by its number."""
    expected = noise(2, 50, 8)
    value = expected.copy()
    value[:, 40:] = 0
    words = filled.unwritten(evidence(value, expected))
    assert words == "is all zero in the last 10 of 50 slices along axis 1, all else is right"


def test_a_part_that_is_zero_in_the_reference_too_or_is_not_all_that_is_wrong():
    """Only where the reference varies and everything else is right."""
    value = EXPECTED.copy()
    value[:, 3] = 0
    assert filled.unwritten(evidence(value * 1.01, EXPECTED)) is None
    assert filled.unwritten(evidence(2 * value, value)) is None


@pytest.mark.parametrize(
    ("bad", "index", "words"),
    [
        (np.nan, (0, 3, 1, 2), "is NaN at 1 of 4,608 places, [0, 3, 1, 2], where the reference has finite numbers"),
        (
            np.inf,
            np.s_[2],
            "is infinity at 1,152 of 4,608 places, all in image 2, where the reference has finite numbers",
        ),
        (-np.inf, np.s_[...], "is minus infinity at all 4,608 places, where the reference has finite numbers"),
        (
            np.nan,
            np.s_[:, ::2, ::3, 1:],
            "is NaN at 704 of 4,608 places (the first is [0, 0, 0, 1]), where the reference",
        ),
    ],
)
def test_numbers_that_are_not_finite(bad, index, words):
    """Kind, count and place are said."""
    value = EXPECTED.copy()
    value[index] = bad
    assert filled.not_finite(evidence(value, EXPECTED)).startswith(words)


def test_a_reference_that_is_not_finite():
    """A NaN that the port swallows is said, the same NaN on both sides is none of this."""
    expected = EXPECTED.copy()
    expected[1, 2, 3, 4] = np.nan
    assert filled.not_finite(evidence(EXPECTED, expected)) == (
        "is finite at 1 of 4,608 places, [1, 2, 3, 4], where the reference has NaN"
    )
    assert filled.not_finite(evidence(expected, expected)) is None
    assert filled.not_finite(evidence(np.arange(4), np.arange(4.0))) is None
