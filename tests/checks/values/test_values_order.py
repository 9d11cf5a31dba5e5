"""The right numbers at other places."""

import numpy as np
import pytest
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import order

EXPECTED = noise(seed=2)
EVEN = noise(5, 6, 6, 6, seed=2)
ROWS = noise(2, 8, 12, seed=2)


def moved(down, right):
    """Return the map moved, with other numbers where nothing moves in."""
    value = noise(seed=7)
    height, width = EXPECTED.shape[-2:]
    source = EXPECTED[..., max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)]
    value[..., max(down, 0) : height - max(-down, 0), max(right, 0) : width - max(-right, 0)] = source
    return value


@pytest.mark.parametrize(
    ("check", "value", "expected", "words"),
    [
        (order.transposed, EXPECTED.swapaxes(2, 3), EXPECTED, "with the last two axes transposed (12 by 12)"),
        (order.axes_permuted, EVEN.transpose(0, 2, 3, 1), EVEN, "is the reference's with its axes in the order 0, 2"),
        (order.reshaped, ROWS.transpose(0, 2, 1), ROWS.reshape(2, 12, 8), "transposed where the reference reshapes"),
        (order.reshaped, ROWS.reshape(2, 12, 8), ROWS.transpose(0, 2, 1), "reshaped where the reference transposes"),
        (order.flipped, EXPECTED[..., ::-1], EXPECTED, "flipped along axis 3 (columns reversed)"),
        (order.flipped, EXPECTED[..., ::-1, :], EXPECTED, "flipped along axis 2 (rows reversed)"),
        (order.flipped, ROWS[:, ::-1], ROWS, "flipped along axis 1 (slices reversed)"),
        (order.flipped, EXPECTED[..., ::-1, ::-1], EXPECTED, "turned by 180 degrees"),
        (order.flipped, np.rot90(EXPECTED, 1, (2, 3)), EXPECTED, "turned by 90 degrees"),
        (order.flipped, EXPECTED[..., ::-1, ::-1].swapaxes(2, 3), EXPECTED, "mirrored at the other diagonal"),
        (order.shifted, np.roll(EXPECTED, 1, 3), EXPECTED, "+1 along axis 3 (1 column), the end put at the start"),
        (order.shifted, moved(-2, 0), EXPECTED, "shifted by -2 along axis 2 (2 rows)"),
        (order.shifted, moved(1, -1), EXPECTED, "+1 along axis 2 and -1 along axis 3 (1 row and 1 column)"),
        (order.shifted, np.roll(ROWS, 2, 2), ROWS, "shifted by +2 along axis 2, the end put at the start"),
        (order.reordered, np.sort(EXPECTED, 2), EXPECTED, "has exactly the reference's numbers in another order"),
    ],
)
def test_found(check, value, expected, words):
    """What was done to the axes is named; with noise, or for other numbers, nothing is said."""
    assert words in check(evidence(value, expected))
    assert check(evidence(nearly(value), expected)) is None
    assert check(evidence(noise(*value.shape, seed=8), expected)) is None


@pytest.mark.parametrize(
    "check", [order.transposed, order.flipped, order.shifted, order.reordered, order.axes_permuted, order.reshaped]
)
def test_few_or_equal_numbers_prove_no_order(check):
    """[0, 1] is [1, 0] reversed only by chance."""
    assert check(evidence(np.array([[0.0, 1], [1, 1]]), np.array([[1.0, 1], [0, 1]]))) is None


def test_a_smooth_map_is_not_the_same_map_shifted():
    """Neighbours that are alike are not equal."""
    slope = np.linspace(0, 1, 100, dtype=np.float32).reshape(1, 1, 10, 10)
    assert order.shifted(evidence(slope + 0.05 * slope**2, slope)) is None


def test_half_a_pixel_is_no_shift():
    """The mean of two neighbours is neither."""
    assert order.shifted(evidence((EXPECTED + np.roll(EXPECTED, 1, 3)) / 2, EXPECTED)) is None


def test_samples_of_one_law_are_no_other_order():
    """Sorted, they are close to each other, but not equal."""
    assert order.reordered(evidence(noise(100000, seed=1), noise(100000, seed=2))) is None


def test_heads_merged_without_transposing():
    """An axis that is split, as into the heads of attention, is found where the numbers are exactly the reference's."""
    heads = noise(2, 4, 10, 16)
    value, expected = heads.reshape(2, 10, 64), heads.transpose(0, 2, 1, 3).reshape(2, 10, 64)
    assert order.reordered(evidence(value, expected)) == (
        "has exactly the reference's numbers in another order: axis 2 split into [4, 16], axes then 0, 2, 1, 3"
    )
