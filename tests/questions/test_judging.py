"""How far a watched call is off, and what rounding explains there."""

import math

import pytest

from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.judging import (
    Deviation,
    call_floor,
    deviation,
    error_of,
    inputs_off,
    largest,
    worst,
)
from bisect_tool.questions.tolerance import ROUNDING
from bisect_tool.sites import Site
from bisect_tool.worker.arrays import measure

NET, ELSEWHERE = Site("net"), Site("elsewhere")
RIGHT, OFF, OTHER_SHAPE = Comparison("", 1e-6), Comparison("", 0.5), Comparison("", mismatch="shape [2], reference [3]")


def trace(exact=0.0):
    return Trace((NET,), {"net": None}, {}, {}, ROUNDING, {"net": exact})


def test_the_worker_rounds_as_much_as_the_search_allows():
    """The worker stands alone and so has a number of its own: it is the same."""
    assert measure.ROUNDING == ROUNDING


@pytest.mark.parametrize(("exact", "floor"), [(0.0, 2e-5), (1e-6, 2e-5), (1e-3, 3e-3)])
def test_a_call_may_be_off_by_rounding_or_three_times_the_reference_s_own(exact, floor):
    """Whichever is larger."""
    assert call_floor(trace(exact), NET) == pytest.approx(floor)


def test_errors_are_read_off_what_was_watched():
    """A call that was not watched is off by nothing."""
    reading = Reading(watched={"net": Watched((RIGHT,), (RIGHT, OFF), (RIGHT,))})
    assert (error_of(reading, NET), error_of(reading, ELSEWHERE)) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("inputs", "off"),
    [
        ((), False),
        ((RIGHT,), False),
        ((RIGHT, OFF), True),
        ((OTHER_SHAPE,), True),
        ((Comparison("", missing=True),), False),
    ],
)
def test_inputs_are_off_where_one_of_them_is(inputs, off):
    """By more than three roundings, or by its shape; one that the port does not pass says nothing."""
    assert inputs_off(Reading(watched={"net": Watched(inputs)}), NET, trace()) == off
    assert not inputs_off(Reading(), NET, trace())


@pytest.mark.parametrize(
    ("comparisons", "size", "mismatch", "words"),
    [
        ([], 0.0, None, "a value that is off by 0.0e+00 (relative)"),
        ([RIGHT], 1e-6, None, "a value that is off by 1.0e-06 (relative)"),
        ([RIGHT, OFF], 0.5, None, "a value that is off by 50.00 %"),
        ([Comparison("", math.nan)], math.inf, None, "a value that is off by inf times its size"),
        ([OFF, OTHER_SHAPE], math.inf, "shape [2], reference [3]", "shape [2], reference [3]"),
    ],
)
def test_the_worst_tensor_speaks_for_all(comparisons, size, mismatch, words):
    """What does not compare is infinitely off, and says why where that is known."""
    assert largest(comparisons) == size
    assert deviation(comparisons) == Deviation(size, mismatch)
    assert worst(comparisons) == words
