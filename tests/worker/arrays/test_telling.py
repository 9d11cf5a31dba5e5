"""Which values say enough that another variable with the same ones is the same."""

from __future__ import annotations

import numpy as np
import pytest

from bisect_tool.worker.arrays.telling import follows_from_shape, is_telling

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("array", "telling"),
    [
        (DRAW.normal(size=(2, 2)).astype(np.float32), True),
        (DRAW.normal(size=3), False),
        (np.array(0.731), False),
        (np.zeros(1000), False),
        (np.full(1000, 0.25), False),
        (np.array([0.25, 0.75, 0.25, 0.25, 0.75]), False),
        (np.array([0.0, 0.0, 0.7315293, 0.0, 0.1874205], np.float32), True),
        (np.array([0.0, 0.0, 0.7315293, 0.0, 0.0], np.float32), False),
        (np.array([0.0, 0.125, 0.3, 1e-5, 0.0], np.float32), False),
        (np.where(DRAW.random(200) < 0.5, 0.25, 0.75), True),
        (np.array([3, 1, 2, 0, 5]), False),
        (DRAW.integers(0, 3, 100), True),
        (np.array([True, False, False, True, False, False]), False),
        (np.arange(1000) % 250 == 0, True),
        (np.arange(1000) == 3, False),
        (np.exp(1j * np.arange(3)), True),
        (np.array([np.nan, np.inf, 0.0, 1.0]), False),
        (np.zeros((0, 4)), False),
        (DRAW.normal(size=1 << 20), True),
    ],
    ids=lambda value: str(value)[:20].replace("\n", " "),
)
def test_zeros_constants_and_few_small_numbers_say_nothing(array: np.ndarray, telling: bool) -> None:
    """A pattern that is long enough does, and so do a few fractions."""
    assert is_telling(array) == telling


CAUSAL = np.triu(np.ones((6, 6), bool), 1)


@pytest.mark.parametrize(
    ("array", "follows"),
    [
        (np.zeros((2, 6)), True),
        (np.ones(6, bool), True),
        (np.arange(6), True),
        (np.arange(6.0)[None].repeat(2, 0), True),
        (CAUSAL, True),
        (~CAUSAL[None, None].repeat(2, 0), True),
        (np.where(CAUSAL, -np.inf, 0.0), True),
        (np.where(CAUSAL, -1e9, 0.0)[:, :5], False),
        (CAUSAL[2:], True),  # the last places, which have all before them
        (np.full(6, 0.125), False),
        (np.arange(1, 7), False),
        (CAUSAL & (np.arange(6) < 4), False),  # and what is padded
        (np.array([0, 1]), False),
        (np.zeros(0), False),
    ],
)
def test_positions_and_causal_masks_say_no_more_than_their_shape(array, follows):
    """A padding, a scale and a short row of numbers say more."""
    assert follows_from_shape(array) is follows
