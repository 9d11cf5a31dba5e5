"""How a buffer was updated, told from what it was before and from what both sides left in it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bisect_tool.checks.values.updates import Update, updated_otherwise
from bisect_tool.sentences import buffers as sentences

MOMENTUM, N = 0.1, 8
DRAWS = np.random.default_rng(0)
BEFORE, VAR = DRAWS.uniform(0.5, 2.0, 16), DRAWS.uniform(0.5, 3.0, 16)  # the batch's, divided by n - 1
BIASED = VAR * (N - 1) / N


def stepped(share: float, var: np.ndarray = VAR) -> np.ndarray:
    """Return the statistics after a step."""
    return (1 - share) * BEFORE + share * var


UPDATE = Update(BEFORE, BEFORE, stepped(MOMENTUM), MOMENTUM, N, is_variance=True)
DIVIDED = sentences.divided_by("n", "n - 1", N)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (BEFORE, sentences.NOT_UPDATED),
        (np.ones(16), sentences.set_to("1")),
        (stepped(MOMENTUM, BIASED), DIVIDED),
        (stepped(0.03), sentences.momentum("0.03", "0.1", swapped=False)),
        (stepped(0.9), sentences.momentum("0.9", "0.1", swapped=True)),
        (stepped(0.9, BIASED), f"{sentences.momentum('0.9', '0.1', swapped=True)}, and {DIVIDED}"),
        (DRAWS.uniform(0.5, 2.0, 16), None),
        (np.full(16, np.nan), None),
        (np.ones(3), None),
    ],
)
def test_an_update_is_said(value: np.ndarray, words: str | None) -> None:
    """What explains all numbers; nothing where nothing does."""
    assert updated_otherwise(dataclasses.replace(UPDATE, value=value)) == words


def test_rounding_hides_nothing() -> None:
    """As much as single precision leaves of a sum of squares."""
    value = stepped(MOMENTUM, BIASED * (1 + 1e-5 * DRAWS.standard_normal(16)))
    assert updated_otherwise(dataclasses.replace(UPDATE, value=value)) == DIVIDED


def test_the_other_way_round() -> None:
    """The reference leaves the buffer alone, or divides by n itself; without settings only the size of the step is known."""
    assert updated_otherwise(dataclasses.replace(UPDATE, value=stepped(0.1), expected=BEFORE)) == sentences.UPDATED
    turned = dataclasses.replace(UPDATE, value=stepped(MOMENTUM), expected=stepped(MOMENTUM, BIASED))
    assert updated_otherwise(turned) == sentences.divided_by("n - 1", "n", N)
    plain = dataclasses.replace(UPDATE, value=stepped(0.2), momentum=None)
    assert updated_otherwise(plain) == sentences.moved("2")


def test_few_numbers_fit_any_factor() -> None:
    """So none is fitted to them."""
    few = {"before": BEFORE[:2], "expected": stepped(MOMENTUM)[:2], "value": stepped(0.3)[:2]}
    assert updated_otherwise(dataclasses.replace(UPDATE, **few)) is None


def test_a_mean_has_no_variance() -> None:
    """What is no variance is divided by nothing."""
    value = stepped(MOMENTUM, BIASED)
    assert updated_otherwise(dataclasses.replace(UPDATE, value=value, is_variance=False)) is None
