"""Boxes in another format."""

import numpy as np
import pytest
from evidences import evidence, nearly, noise

from bisect_tool.checks.values import boxes
from bisect_tool.checks.values.checks import describe

CORNERS = np.sort(np.abs(noise(2, 50, 2, 2, seed=1)) * 300, axis=2).reshape(2, 50, 4)
FIRST, LAST = CORNERS[..., :2], CORNERS[..., 2:]
CENTRES = np.concatenate([(FIRST + LAST) / 2, LAST - FIRST], -1)
SIZES = np.concatenate([FIRST, LAST - FIRST], -1)


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        (CENTRES, CORNERS, "has boxes (axis 2) as centre and size, the reference the two corners"),
        (CORNERS, CENTRES, "has boxes (axis 2) as the two corners, the reference centre and size"),
        (SIZES, CORNERS, "has boxes (axis 2) as one corner and size, the reference the two corners"),
        (CORNERS, SIZES, "has boxes (axis 2) as the two corners, the reference one corner and size"),
        (CENTRES, SIZES, "has boxes (axis 2) as centre and size, the reference one corner and size"),
        (SIZES, CENTRES, "has boxes (axis 2) as one corner and size, the reference centre and size"),
    ],
)
def test_found(value, expected, words):
    """Both formats are named; with noise, or for other numbers, nothing is said."""
    assert boxes.box_format(evidence(value, expected)) == words
    assert describe(evidence(value.swapaxes(1, 2), expected.swapaxes(1, 2))) == [words.replace("axis 2", "axis 1")]
    assert boxes.box_format(evidence(nearly(value), expected)) is None
    assert boxes.box_format(evidence(noise(2, 50, 4, seed=8), expected)) is None
