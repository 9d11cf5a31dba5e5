"""Where the values are wrong."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import place
from bisect_tool.checks.values.checks import describe

EXPECTED = noise(seed=2)


def wrong_at(index, amount=0.3):
    """Return the reference with noise in one part."""
    value = EXPECTED.copy()
    value[index] = nearly(EXPECTED, amount)[index]
    return value


@pytest.mark.parametrize(("padding", "wide"), [(1, "1 pixel"), (2, "2 pixels")])
def test_reflected_padding(padding, wide):
    """A convolution with another padding is wrong at the border only, by its width."""
    image, weight = torch.from_numpy(EXPECTED), torch.from_numpy(noise(4, 8, 2 * padding + 1, 2 * padding + 1))
    zeros = functional.conv2d(image, weight, padding=padding)
    mirrored = functional.conv2d(functional.pad(image, (padding,) * 4, mode="reflect"), weight)
    words = place.border(evidence(mirrored.numpy(), zeros.numpy()))
    assert words == f"is wrong only at the border, {wide} wide, all else is right: padding?"


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (np.s_[..., :1], "1 pixel wide (left only)"),
        (np.s_[..., -2:, :], "2 pixels wide (bottom only)"),
    ],
)
def test_one_side_of_the_border(index, words):
    """The sides are named."""
    assert words in place.border(evidence(wrong_at(index), EXPECTED))


def test_a_border_of_zeros():
    """That the border was left zero is said."""
    value = np.zeros_like(EXPECTED)
    value[..., 1:-1, 1:-1] = EXPECTED[..., 1:-1, 1:-1]
    assert place.border(evidence(value, EXPECTED)).startswith(
        "is wrong only at the border, 1 pixel wide, where it is z"
    )


@pytest.mark.parametrize(
    "value",
    [
        nearly(EXPECTED),
        wrong_at(np.s_[0, 0, 0, 0]),
        wrong_at(np.s_[..., 5:7, 5:7]),
        wrong_at(np.s_[..., 1:-1, 1:-1]),
        nearly(wrong_at(np.s_[..., :1]), 1e-4),
    ],
)
def test_what_is_not_the_border(value):
    """All, one corner's pixel, the middle, everything but the border, and a border among noise."""
    assert place.border(evidence(value, EXPECTED)) is None


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (np.s_[:, 3], "is wrong only in channel 3 of 8, all else is right"),
        (np.s_[2:], "is wrong only in the last 2 of 4 images, all else is right"),
        (np.s_[1, 2:4], "is wrong only in image 1 of 4, channels 2 and 3 of 8, all else is right"),
    ],
)
def test_some_slices(index, words):
    """The channels and images that alone are wrong are named."""
    assert place.some_slices(evidence(wrong_at(index), EXPECTED)) == words


def test_slices_that_chance_would_choose():
    """One wrong place is in one channel, but no fault of that channel; noise everywhere is nowhere in particular."""
    assert place.some_slices(evidence(wrong_at(np.s_[0, 0, 0, 0]), EXPECTED)) is None
    assert place.some_slices(evidence(nearly(wrong_at(np.s_[:, 3]), 1e-4), EXPECTED)) is None


def test_few_places():
    """Places that are wrong one by one are counted, with the first of them."""
    value = EXPECTED.copy()
    value[[0, 1, 3], [0, 2, 4], 5, [6, 7, 8]] += 1
    words = place.few_places(evidence(value, EXPECTED))
    assert words.startswith("is wrong at 3 of 4,608 places only (at [0, 0, 5, 6] it is ")
    assert describe(evidence(value, EXPECTED)) == [words]
    assert place.few_places(evidence(nearly(EXPECTED), EXPECTED)) is None
    assert place.few_places(evidence(wrong_at(np.s_[:, 3]), EXPECTED)) is None


def test_few_indices():
    """Indices that differ where values are tied are counted too."""
    expected = np.random.default_rng(0).integers(0, 8400, (4, 100))
    value = expected.copy()
    value[2, [5, 6]] = value[2, [6, 5]]
    assert describe(evidence(value, expected)) == [
        (
            f"is wrong at 2 of 400 places only (at [2, 5] it is {value[2, 5]}, reference {expected[2, 5]}), "
            "all else is right"
        )
    ]


def test_a_border_of_zeros_is_not_dropout():
    """Zeros have a place here."""
    value = np.zeros_like(EXPECTED)
    value[..., 1:-1, 1:-1] = EXPECTED[..., 1:-1, 1:-1]
    assert describe(evidence(value, EXPECTED))[0].startswith("is wrong only at the border")
