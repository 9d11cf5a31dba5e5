"""Indices that differ only where the input holds the same number at both."""

import numpy as np
import pytest
import torch
from evidences import evidence, noise
from torch.nn import functional

from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.ties import other_ties

COARSE = np.round(4 * noise(4, 100, 7, seed=1)).astype(np.float32)  # has many equal numbers along every axis
FINE = noise(4, 100, 7, seed=2)
MAPS = np.maximum(COARSE[:, :96].reshape(4, 7, 12, 8), 0)
WINDOWS = {"kernel_size": 3, "stride": 2, "padding": 1}


def last(given, axis):
    """Return the last index of the largest number along an axis, where argmax gives the first."""
    return given.shape[axis] - 1 - np.flip(given, axis).argmax(axis)


def descending(given, axis, count, *, first):
    """Return the indices of the largest numbers in descending order; of equal ones the first or the last comes first."""
    places = np.arange(given.shape[axis]).reshape(-1, *[1] * (given.ndim - axis - 1))
    order = np.lexsort((np.broadcast_to(places if first else -places, given.shape), -given), axis)
    return order.take(range(count), axis)


def pooled_first(given=MAPS):
    """Return torch's indices of 3x3 max pooling: of equal numbers the first."""
    return functional.max_pool2d(torch.from_numpy(given), 3, 2, 1, return_indices=True)[1].numpy()


def pooled_last(given=MAPS):
    """Return the last indices of equal numbers, by pooling the maps turned by 180 degrees: all windows are the same ones."""
    padded = np.pad(given, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-np.inf)  # odd sides, so that they are
    turned = np.ascontiguousarray(padded[..., ::-1, ::-1])
    found = functional.max_pool2d(torch.from_numpy(turned), 3, 2, 1, return_indices=True)[1].numpy()[..., ::-1, ::-1]
    high, wide = padded.shape[-2:]
    rows, columns = np.divmod(high * wide - 1 - found, wide)
    return (rows * given.shape[-1] + columns)[..., : given.shape[-2] // 2, : given.shape[-1] // 2]


def differing(value, expected):
    """Return how many of how many differ, as the sentence has it."""
    return f"{np.count_nonzero(value != expected)} of {value.size}"


@pytest.mark.parametrize(
    ("value", "expected", "given", "where"),
    [
        (last(COARSE, 1), COARSE.argmax(1), COARSE, "along axis 1"),
        (last(COARSE, 2).astype(np.int32), COARSE.argmax(2), COARSE, "along axis 2"),
        (last(COARSE, 0)[None], COARSE.argmax(0)[None], COARSE, "along axis 0"),
        (last(-COARSE, 1)[:, None], COARSE.argmin(1)[:, None], COARSE, "along axis 1"),
        (last(COARSE[0], 1), COARSE[0].argmax(1), COARSE[0], "along axis 1"),
        (descending(COARSE, 1, 10, first=False), descending(COARSE, 1, 10, first=True), COARSE, "along axis 1"),
        (descending(COARSE, 1, 100, first=False), descending(COARSE, 1, 100, first=True), COARSE, "along axis 1"),
        (descending(-COARSE, 2, 7, first=False), COARSE.argsort(2, kind="stable"), COARSE, "along axis 2"),
        (descending(COARSE[0, :, 0], 0, 100, first=False), descending(COARSE[0, :, 0], 0, 100, first=True),
         COARSE[0, :, 0], "along axis 0"),
        (pooled_last(), pooled_first(), MAPS, "in the last two axes"),
        (pooled_last()[0], pooled_first()[0], MAPS[0], "in the last two axes"),
    ],
)  # fmt: skip
def test_found(value, expected, given, where):
    """Argmax and argmin with the axis removed or kept, topk, sort, max pooling: with the number and the axis."""
    assert np.array_equal(last(FINE, 1), FINE.argmax(1))
    words = f"has ties broken otherwise: {differing(value, expected)} indices differ, and %s holds the same number at both {where}"
    assert other_ties(evidence(value, expected, given)) == words % "its input"
    assert describe(evidence(value, expected, given, **WINDOWS)) == [words % "its input"]
    assert other_ties(evidence(value, expected, FINE, expected, given)) == words % "input 2"
    assert other_ties(evidence(value, expected)) is None
    assert other_ties(evidence(value, expected, given.astype(np.int64))) is None
    assert other_ties(evidence(value.astype(np.float32), expected, given)) is None


def test_one_index_where_the_input_holds_another_number_is_no_tie():
    """All other indices are ties, or right."""
    ties, expected = descending(COARSE, 1, 10, first=False), descending(COARSE, 1, 10, first=True)
    for value in (ties, expected.copy()):
        value[2, 9, 3] = descending(COARSE, 1, 100, first=True)[2, 60, 3]
        assert other_ties(evidence(value, expected, COARSE)) is None


def test_one_tie_is_enough():
    """The other indices show what they are."""
    expected = COARSE.argmax(1)
    place = tuple(np.argwhere(last(COARSE, 1) != expected)[0])
    value = expected.copy()
    value[place] = last(COARSE, 1)[place]
    assert other_ties(evidence(value, expected, COARSE)) == (
        "has ties broken otherwise: 1 of 28 indices differs, and its input holds the same number at both along axis 1"
    )


@pytest.mark.parametrize(
    ("value", "expected", "given"),
    [
        (COARSE.argmax(1), COARSE.argmax(1), COARSE),  # equal
        (last(COARSE, 1) + 100, COARSE.argmax(1), COARSE),  # out of range
        (last(COARSE, 1) - 100, COARSE.argmax(1), COARSE),
        (COARSE.argmax(1), COARSE.argmax(1) + 2**40, COARSE),
        (last(COARSE, 1), COARSE.argmax(1), FINE),  # of another input
        (last(COARSE, 1), COARSE.argmax(1), np.full_like(COARSE, np.nan)),
        (descending(COARSE, 1, 10, first=True)[:, ::-1], descending(COARSE, 1, 10, first=True), COARSE),  # not sorted
        (descending(COARSE, 1, 10, first=True)[:, :1].repeat(10, 1), descending(COARSE, 1, 10, first=True), COARSE),
        (last(COARSE[0, :, :1], 0), COARSE[0, :, :1].argmax(0), COARSE[0, :, :1]),  # one index: chance
        (pooled_last() // 2, pooled_first(), MAPS),
        (np.ascontiguousarray(pooled_last()[:, ::-1]), pooled_first(), MAPS),
        (pooled_last(), pooled_first(), -MAPS),  # the smallest
        (pooled_last(), pooled_first(), np.concatenate([MAPS[:1], -MAPS[1:]])),
    ],
)
def test_not_found(value, expected, given):
    """Equal arrays, indices out of range or of something else, the right ones in another order, one alone."""
    assert other_ties(evidence(value, expected, given)) is None


@pytest.mark.parametrize("given", [np.zeros((4, 100, 7), np.float32), COARSE, np.abs(COARSE) > 8, np.zeros((4, 0, 7))])
@pytest.mark.parametrize("shape", [(4, 7), (4, 1, 7), (4, 10, 7), (4, 100, 7), (4, 6, 4)])
def test_random_numbers_index_nothing(given, shape):
    """Not even an input that is the same everywhere."""
    value, expected = (np.random.default_rng(seed).integers(0, 7, shape) for seed in (1, 2))
    assert other_ties(evidence(value, expected, given.astype(np.float32))) is None


def test_an_index_twice_is_no_tie():
    """Where two numbers are equal, an index that comes twice holds the right number and is wrong."""
    expected = descending(COARSE, 1, 100, first=True)
    value = expected.copy()
    value[:, 50] = value[:, 51]
    other = np.take_along_axis(COARSE, value, 1) != np.take_along_axis(COARSE, expected, 1)
    value[other] = expected[other]
    assert (value != expected).any()
    assert other_ties(evidence(value, expected, COARSE)) is None


def test_a_mask_that_is_mostly_zero():
    """Anchors that no box claims are ties of zeros; those that one does show what the indices are."""
    mask = (np.random.default_rng(4).random((2, 8, 300)) > 0.98).astype(np.float32)
    value, expected = last(mask, 1), mask.argmax(1)
    assert (other_ties(evidence(value, expected, mask)) or "").endswith("at both along axis 1")
    assert other_ties(evidence(value, expected, np.zeros_like(mask))) is None
