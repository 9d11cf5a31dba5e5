"""Channels, images and concatenated inputs in another order."""

import numpy as np
import pytest
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import channels
from bisect_tool.checks.values.checks import describe

EXPECTED = noise(seed=2)
MANY = noise(2, 64, 5, 5, seed=2)
ROWS = noise(2, 50, 6, seed=2)


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (EXPECTED[:, ::-1], EXPECTED, "has the channels in another order: reversed"),
        (EXPECTED[:, 2::-1], EXPECTED[:, :3], "has the channels in another order: reversed (as BGR for RGB)"),
        (EXPECTED[:, 1::-1], EXPECTED[:, :2], "has the channels in another order: 0 and 1 swapped"),
        (np.roll(EXPECTED, -3, 1), EXPECTED, "rotated by 3 (channel i is the reference's i + 3)"),
        (np.roll(EXPECTED, 4, 1), EXPECTED, "its two halves swapped"),
        (EXPECTED[:, [0, 2, 4, 6, 1, 3, 5, 7]], EXPECTED, "shuffled, [4, 2] read as [2, 4]"),
        (EXPECTED[:, [0, 4, 1, 5, 2, 6, 3, 7]], EXPECTED, "shuffled, [2, 4] read as [4, 2]"),
        (EXPECTED[:, [0, 5, 2, 3, 4, 1, 6, 7]], EXPECTED, "1 and 5 swapped"),
        (EXPECTED[:, [2, 0, 1, 3, 5, 4, 6, 7]], EXPECTED, "2, 0, 1, 3, 5, 4, 6, 7 of the reference's"),
        (MANY[:, np.random.default_rng(0).permutation(64)], MANY, "63 of 64 moved, 0 is the reference's 16"),
        (EXPECTED[:, [5] * 8], EXPECTED, "is in every channel the reference's channel 5"),
        (ROWS[:, :, ::-1], ROWS, "has the slices along axis 2 in another order: reversed"),
    ],
)
def test_channels(value, expected, words):
    """The pattern is named; with noise, or for other numbers, nothing is said."""
    assert words in channels.channels_permuted(evidence(value, expected))
    assert channels.channels_permuted(evidence(nearly(value), expected)) is None
    assert channels.channels_permuted(evidence(noise(*value.shape, seed=8), expected)) is None


def test_channels_that_are_all_alike_are_in_no_order():
    """Where channels cannot be told from each other, nothing is said of their order."""
    alike = np.broadcast_to(EXPECTED[:, :1], EXPECTED.shape)
    assert channels.channels_permuted(evidence(alike * 2, alike)) is None


def test_dead_channels_hide_no_pattern():
    """Channels that are zero fit any order, and do not spoil the others'."""
    expected = EXPECTED.copy()
    expected[:, [1, 2, 5]] = 0
    assert "reversed" in channels.channels_permuted(evidence(expected[:, ::-1], expected))
    moved = expected[:, [3, 1, 2, 4, 0, 5, 7, 6]]
    assert "3, 1, 2, 4, 0, 5, 7, 6" in channels.channels_permuted(evidence(moved, expected))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([1, 0, 2, 3], "has the images in another order: 0 and 1 swapped"),
        ([3, 2, 1, 0], "has the images in another order: reversed"),
        ([0, 0, 0, 0], "is in every image the reference's image 0"),
    ],
)
def test_images(images, words):
    """Images swapped or repeated are said so."""
    value = EXPECTED[images]
    assert channels.images_permuted(evidence(value, EXPECTED)) == words
    assert channels.images_permuted(evidence(nearly(value), EXPECTED)) is None


def test_concatenation():
    """The order of the inputs is named."""
    parts = [EXPECTED[:, :3], EXPECTED[:, 3:4], EXPECTED[:, 4:]]
    value = np.concatenate([parts[1], parts[2], parts[0]], 1)
    words = channels.concatenated(evidence(value, EXPECTED, *parts))
    assert words == "has the inputs' blocks along axis 1 in the order 1, 2, 0: concatenated in another order"
    assert describe(evidence(value, EXPECTED, *parts)) == [words]
    assert channels.concatenated(evidence(nearly(value), EXPECTED, *parts)) is None
    assert channels.concatenated(evidence(value, EXPECTED)) is None
    assert channels.concatenated(evidence(value, EXPECTED, parts[0], np.float32(1))) is None
