"""Less precision or range."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import precision

EXPECTED = noise(seed=2)
BFLOAT16 = torch.from_numpy(EXPECTED).bfloat16().float().numpy()
QUANTISED = np.clip(np.rint(EXPECTED / 0.03), -128, 127).astype(np.float32) * np.float32(0.03)


@pytest.mark.parametrize(
    ("check", "value", "expected", "words"),
    [
        (precision.lower_precision, EXPECTED.astype(np.float16), EXPECTED, "is the reference's in float16 precision"),
        (precision.lower_precision, BFLOAT16, EXPECTED, "is the reference's in bfloat16 precision (off by 1.7e-03"),
        (precision.rounded, np.rint(3 * EXPECTED), 3 * EXPECTED, "is the reference's rounded to whole numbers"),
        (precision.rounded, np.floor(3 * EXPECTED), 3 * EXPECTED, "is the reference's rounded down"),
        (precision.rounded, np.trunc(3 * EXPECTED), 3 * EXPECTED, "is the reference's cut off"),
        (precision.rounded, 3 * EXPECTED, np.floor(3 * EXPECTED), "has fractions, the reference is the same rounded d"),
        (precision.quantised, QUANTISED, EXPECTED, "is the reference's quantised: 197 levels in steps of 0.03"),
        (
            precision.clamped,
            np.clip(EXPECTED, -1, 1.5),
            EXPECTED,
            "is clamped between -1 and 1.5, the reference has va",
        ),
        (precision.clamped, np.minimum(EXPECTED, 1), EXPECTED, "is clamped at 1, the reference has values from -3.672"),
        (precision.clamped, np.maximum(EXPECTED, -1), EXPECTED, "is clamped from below at -1, the reference has value"),
        (precision.clamped, EXPECTED, np.clip(EXPECTED, -1, 2), "has values from -3.672 to 3.543, the reference is th"),
    ],
)
def test_found(check, value, expected, words):
    """The format, the steps or the bound is named; with noise, or for other numbers, nothing is said."""
    assert check(evidence(value, expected)).startswith(words)
    assert check(evidence(nearly(np.asarray(value, np.float32)), expected)) is None
    assert check(evidence(noise(seed=8), expected)) is None


def test_a_reference_in_the_same_precision():
    """Values that are short on both sides were not shortened by the port."""
    held = EXPECTED.astype(np.float16).astype(np.float32)
    assert precision.lower_precision(evidence(held[::-1], held)) is None


def test_other_values_that_are_short():
    """Half precision is no reason for being off by a tenth."""
    value = nearly(EXPECTED, 0.1).astype(np.float16).astype(np.float32)
    assert precision.lower_precision(evidence(value, EXPECTED)) is None


def test_one_largest_value_is_no_bound():
    """Where only one place is cut, it is wrong and that is all."""
    value = np.minimum(EXPECTED, np.sort(EXPECTED.reshape(-1))[-2])
    assert precision.clamped(evidence(value, EXPECTED)) is None
