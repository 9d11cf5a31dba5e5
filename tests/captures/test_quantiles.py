"""Quantiles in a manifest are checked before anything uses them."""

import math

import pytest
from manifests import tensor
from pydantic import ValidationError

from bisect_tool.captures.described import StateEntry
from bisect_tool.captures.manifest import StateStatistics

FOUR = {"mean": 0.0, "std": 1.0, "min": -2.0, "max": 2.0}
GOOD = [k / 9 for k in range(-8, 9)]


def test_seventeen_that_ascend_are_read():
    """They are numbers in a tuple, for the parameter itself and at other seeds; old captures have none."""
    assert StateStatistics.model_validate({**FOUR, "quantiles": GOOD}).quantiles == tuple(GOOD)
    assert StateEntry.model_validate(tensor("a", quantiles=[0.0] * 17)).quantiles == (0.0,) * 17
    assert StateStatistics.model_validate(FOUR).quantiles is None


@pytest.mark.parametrize("bad", [GOOD[:-1], GOOD[::-1], [math.nan] * 17, [*GOOD[:-1], math.inf], "x" * 17, [[]] * 17])
def test_others_are_refused(bad):
    """Another number of them, another order, and what is no finite number do not pass."""
    with pytest.raises(ValidationError):
        StateStatistics.model_validate({**FOUR, "quantiles": bad})
