"""Inputs forgotten, added, multiplied or returned."""

import pytest
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import residual

EXPECTED, INPUT, OTHER = noise(seed=2), noise(seed=1), noise(seed=3)


@pytest.mark.parametrize(
    ("check", "value", "expected", "words"),
    [
        (residual.residual, EXPECTED - INPUT, EXPECTED, "lacks the residual: with its input added it is the reference"),
        (residual.residual, EXPECTED + INPUT, EXPECTED, "is the reference's plus its input: added twice, or where the"),
        (residual.residual, EXPECTED - 2 * INPUT, EXPECTED, "has its input subtracted where the reference adds it"),
        (residual.residual, EXPECTED + 2 * INPUT, EXPECTED, "has its input added where the reference subtracts it"),
        (residual.product, EXPECTED, EXPECTED * INPUT, "lacks a factor: times its input it is the reference's"),
        (residual.product, EXPECTED * INPUT, EXPECTED, "is the reference's times its input"),
        (residual.input_returned, INPUT, EXPECTED, "is its input, unchanged"),
    ],
)
def test_found(check, value, expected, words):
    """What happened to the input is named; with noise, without the input, or for other numbers, nothing is said."""
    assert check(evidence(value, expected, INPUT)).startswith(words)
    assert check(evidence(nearly(value), expected, INPUT)) is None
    assert check(evidence(value, expected)) is None
    assert check(evidence(value, expected, OTHER)) is None
    assert check(evidence(noise(seed=8), expected, INPUT)) is None


def test_which_input():
    """Of several inputs the one is named."""
    words = residual.residual(evidence(EXPECTED - INPUT, EXPECTED, OTHER, INPUT))
    assert words == "lacks the residual: with input 1 added it is the reference's"


def test_an_input_that_is_next_to_nothing():
    """Adding what is too small to matter explains nothing."""
    assert residual.residual(evidence(EXPECTED + 1e-3 * OTHER, EXPECTED, 1e-7 * INPUT)) is None
