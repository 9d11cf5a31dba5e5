"""How much of what a target is off by the reference's weights explain."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.questions.share import NEARLY_ALL, share_of_weights

POSITIVE = st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("reference", "own", "given", "share"),
    [
        (1.6, 7437.0, 1.6, 1.0),  # all of it
        (1.6, 7437.0, 7437.0, 0.0),  # nothing
        (1.0, 10000.0, 10.0, 0.75),  # of factors, where all are positive
        (-1.0, 9.0, 1.0, 0.8),  # of differences, where not
        (1.0, 2.0, 4.0, -1.0),  # further off with the reference's
        (1.0, 1.0, 2.0, 0.0),  # nothing to explain
        (1.0, math.nan, 1.1, 1.0),  # no number lies infinitely far
        (1.0, 2.0, math.nan, 0.0),
        (1.0, math.inf, math.inf, 0.0),
    ],
)
def test_the_share_is_that_of_the_way(reference, own, given, share):
    """From the port as it is to the reference."""
    assert share_of_weights(reference, own, given) == pytest.approx(share)


def test_the_case_that_this_is_for():
    """A target is 7437 as it is, 1.78 with the reference's weights, 1.6 in the reference; not where the code explains it."""
    assert share_of_weights(1.6, 7437.0, 1.78) > NEARLY_ALL
    assert share_of_weights(1.6, 7437.0, 7400.0) < 1 - NEARLY_ALL
    assert share_of_weights(1.6, 7437.0, 30.0) < NEARLY_ALL


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(1e-3, 1e3))
def test_a_unit_changes_nothing(reference, own, given, unit):
    """Nor does it matter whether a target is counted in hundreds."""
    share = share_of_weights(reference, own, given)
    assert share_of_weights(unit * reference, unit * own, unit * given) == pytest.approx(share, rel=1e-3, abs=1e-3) or (
        abs(math.log(own / reference)) < 1e-6
    )
