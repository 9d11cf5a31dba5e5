"""Scaled, offset, with another sign, for all or channel by channel."""

import numpy as np
import pytest
from evidences import MAP, evidence, nearly, noise

from bisect_tool.checks.values import channelwise, counts, linear

EXPECTED = noise(seed=2)
INPUT = noise(seed=1)
BIAS = noise(1, 8, 1, 1, seed=3)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (linear.sign_flipped, -EXPECTED, "has the sign flipped, is otherwise the reference's"),
        (linear.absolute, np.abs(EXPECTED), "is the absolute value of the reference's, 50% of which is negative"),
        (linear.scaled, 2.003 * EXPECTED, "is 2.003 times the reference's, to within 1e-07"),
        (linear.scaled, -0.25 * EXPECTED, "is -0.25 times the reference's, to within 1e-07"),
        (linear.scaled, 1.001 * EXPECTED, "is 1.001 times the reference's, to within 1e-07"),
        (linear.offset, EXPECTED + 0.5, "is the reference's plus 0.5"),
        (linear.offset, EXPECTED - 1000, "is the reference's minus 1000"),
        (linear.affine, 2 * EXPECTED - 0.5, "is 2 times the reference's minus 0.5"),
        (
            channelwise.channel_offset,
            EXPECTED + BIAS,
            "is in every channel the reference's plus a constant of its own (-2.556 to 2.041), as by a bias",
        ),
        (
            channelwise.channel_affine,
            EXPECTED * (2 + BIAS / 10) + BIAS,
            "is in every channel the reference's times a factor of its own (1.744 to 2.204) plus a constant",
        ),
        (
            channelwise.channel_affine,
            EXPECTED * (2 + BIAS / 10),
            "is in every channel the reference's times a factor of its own (1.744 to 2.204)",
        ),
    ],
)
def test_found(check, value, words):
    """The numbers are shown; a hundredth of noise, or another tensor, is no finding."""
    assert check(evidence(value, EXPECTED)).startswith(words)
    assert check(evidence(nearly(value), EXPECTED)) is None
    assert check(evidence(noise(seed=8), EXPECTED)) is None


def test_the_reference_is_the_absolute_value():
    """The reverse is said otherwise."""
    assert linear.absolute(evidence(EXPECTED, np.abs(EXPECTED))).startswith("has signs, the reference is the absolute")


def test_what_is_true_is_false():
    """Booleans have no sign, but can all be the other one."""
    truths = EXPECTED > 0
    assert linear.sign_flipped(evidence(~truths, truths)) == "is true where the reference is false, and the reverse"
    assert linear.sign_flipped(evidence(noise(seed=4) > 0, truths)) is None


def test_one_number_proves_no_factor_but_a_sign():
    """Any two numbers have a ratio."""
    assert linear.scaled(evidence(np.float32(2.1), np.float32(1))) is None
    assert linear.offset(evidence(np.float32(2.1), np.float32(1))) is None
    assert linear.sign_flipped(evidence(np.float32(-2), np.float32(2))) is not None
    assert linear.sign_flipped(evidence(np.int64(-1), np.int64(1))) is None


def test_a_common_mean_is_no_factor():
    """Values that all lie about 2 and 1 are not the ones twice the others."""
    value, expected = 2 + 1e-4 * noise(12, seed=1), 1 + 1e-4 * noise(12, seed=2)
    for check in (linear.scaled, linear.offset, linear.affine):
        assert check(evidence(value, expected)) is None


def test_labels_that_count_from_one():
    """Whole numbers may be off by one too."""
    labels = np.random.default_rng(0).integers(0, 80, 100)
    assert linear.offset(evidence(labels + 1, labels)) == "is the reference's plus 1"


def test_a_layer_with_a_bias_is_asked_about_it():
    """What has a bias may have lost it."""
    words = channelwise.channel_offset(evidence(EXPECTED + BIAS, EXPECTED, bias=True))
    assert words.endswith("as by a bias") is False
    assert words.endswith(": a bias left out or added twice?")


def test_channels_need_numbers_of_their_own():
    """Three numbers for each constant are met by any."""
    value, expected = noise(2, 8, 1, 1, seed=4), noise(2, 8, 1, 1, seed=5)
    assert channelwise.channel_offset(evidence(value, expected)) is None
    assert channelwise.channel_affine(evidence(value, expected)) is None


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (9, "is 9 times the reference's, which is the kernel's area (a sum for a mean?)"),
        (4, "is 4 times the reference's, which is the batch size or the square root of the length given"),
        (1 / 256, "is 256 times smaller than the reference's, which is the input's pixels (a mean for a sum?)"),
        (8**0.5, "is 2.828 times the reference's, which is the square root of the number of channels"),
        (2, None),
        (9.01, None),
    ],
)
def test_a_number_of_elements(factor, words):
    """The count that is the factor is named, if there is one."""
    found = counts.scaled_by_count(evidence(factor * EXPECTED, EXPECTED, noise(4, 3, 16, 16), kernel_size=[3, 3]))
    assert found == words


def test_a_number_of_elements_in_a_scalar():
    """One number is enough where the factor is a count to five digits."""
    words = counts.scaled_by_count(evidence(np.float32(20), np.float32(5), noise(4, 10)))
    assert words == "is 4 times the reference's, which is the batch size (a sum for a mean?)"
    assert counts.scaled_by_count(evidence(np.float32(20.01), np.float32(5), noise(4, 10))) is None


def test_a_number_of_elements_with_noise():
    """A factor that is not exact is no count."""
    assert counts.scaled_by_count(evidence(nearly(9 * EXPECTED), EXPECTED, kernel_size=3)) is None


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout(rate):
    """Zeros at some places and a factor at all others are dropout, on the one side or the other."""
    kept = np.random.default_rng(0).random(MAP) >= rate
    value = np.where(kept, EXPECTED / (1 - rate), 0).astype(np.float32)
    words = linear.dropped(evidence(value, EXPECTED))
    assert words.startswith("is zero at ")
    assert words.endswith(f"elsewhere it is {1 / (1 - rate):.4g} times the reference's: dropout?")
    words = linear.dropped(evidence(EXPECTED, value))
    assert words.startswith("has numbers where the reference is zero, at ")
    assert words.endswith("times the reference's: dropout?")
    assert linear.dropped(evidence(np.where(kept, noise(seed=5), 0), EXPECTED)) is None


def test_zeros_among_right_values():
    """A mask is not dropout."""
    value = np.where(noise(seed=6) > 1, 0, EXPECTED)
    assert linear.dropped(evidence(value, EXPECTED)).endswith("of the places, elsewhere it is the reference's")
