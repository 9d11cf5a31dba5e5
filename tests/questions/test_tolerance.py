"""Tolerances against their formulas."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.questions.tolerance import FEWEST_SEEDS, SAFETY, T_999, Interval, code_interval, start_interval

FINITE = st.floats(-1e6, 1e6)


@given(FINITE, st.floats(0, 1e3))
def test_the_measured_noise_gives_the_width(reference, noise):
    """A target may be off by three times the measured noise, and always by one rounding of its own value."""
    interval = code_interval(reference, noise, 2e-5)
    width = max(SAFETY * noise, 2e-5 * abs(reference) or 8 * 2.0**-23)
    assert (interval.low, interval.high) == (reference - width, reference + width)
    assert interval.holds(reference)
    assert not interval.holds(reference + 2 * width + 1e-9)
    assert not interval.holds(reference - 2 * width - 1e-9)


def test_the_origin_of_a_measured_tolerance_is_said():
    """The words name the factor and the rounding that the noise was measured with."""
    assert code_interval(1.0, 0.1, 2e-5).origin == "3 times what rounding every layer by 2e-05 does to the reference"


@pytest.mark.parametrize(
    ("rtol", "atol", "width"), [(1e-3, None, 0.002), (None, 0.5, 0.5), (1e-3, 0.5, 0.502), (0.0, None, 0.0)]
)
def test_an_explicit_tolerance_wins(rtol, atol, width):
    """What the user gives replaces the measured noise, be it wider or narrower, and zero is a tolerance too."""
    interval = code_interval(-2.0, 100.0, 2e-5, rtol=rtol, atol=atol)
    assert interval.low == pytest.approx(-2.0 - width)
    assert interval.high == pytest.approx(-2.0 + width)
    assert interval.origin == "the tolerance given"


def test_a_nan_agrees_with_a_nan_reference_only():
    """A reference that is NaN is met by NaN alone, and a number by no NaN."""
    broken, sound = code_interval(math.nan, 0.0, 2e-5), code_interval(1.0, 0.0, 2e-5)
    assert broken.holds(math.nan)
    assert not broken.holds(1.0)
    assert not sound.holds(math.nan)


def test_an_infinite_reference_is_met_by_itself():
    """A reference that is infinite is met by the same infinity alone."""
    interval = code_interval(math.inf, 0.0, 2e-5)
    assert interval.holds(math.inf)
    assert not interval.holds(-math.inf)
    assert not interval.holds(math.nan)


@given(st.lists(FINITE, min_size=FEWEST_SEEDS, max_size=40, unique=True))
def test_the_spread_over_seeds_is_a_prediction_interval(values):
    """One more initialisation is expected within mean ± t s sqrt(1 + 1/n), with t for n - 1 degrees of freedom."""
    values = [*values, -1.0, 1.0]  # of both signs: no logarithm
    interval = start_interval(values)
    n = len(values)
    t = T_999[n - 1] if n - 1 in T_999 else T_999[max(d for d in T_999 if d < n - 1)]
    width = t * statistics.stdev(values) * math.sqrt(1 + 1 / n)
    mean = statistics.fmean(values)
    assert interval.centre == mean
    width = max(width, 8 * 2.0**-23 * abs(mean))
    assert interval.high == pytest.approx(max(mean + width, *values), rel=1e-6, abs=1e-6)
    assert interval.low == pytest.approx(min(mean - width, *values), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_the_prediction_interval_of_four_known_values(shift):
    """For -1, 0, 1, 2 it is 0.5 ± 12.924 * 1.29099 * 1.11803; for positive values the same of their logarithms."""
    linear = start_interval([-1.0, 0.0, 1.0, 2.0])
    assert (linear.low, linear.high) == (pytest.approx(0.5 - 18.6542, abs=1e-3), pytest.approx(0.5 + 18.6542, abs=1e-3))
    skewed = start_interval([math.exp(x + shift) for x in (-1.0, 0.0, 1.0, 2.0)])
    assert math.log(skewed.low) == pytest.approx(shift + 0.5 - 18.6542, abs=1e-3)
    assert math.log(skewed.high) == pytest.approx(shift + 0.5 + 18.6542, abs=1e-3)
    assert "within a factor of" in skewed.origin


@given(st.lists(st.floats(1e-6, 1e6), min_size=FEWEST_SEEDS, max_size=40, unique=True))
def test_a_positive_target_never_starts_below_zero(values):
    """A loss is skewed: a cross-entropy from -6 to 30 is no range."""
    interval = start_interval(values)
    assert 0 < interval.low <= min(values) <= max(values) <= interval.high


def test_the_quantiles_fall_with_the_degrees_of_freedom():
    """The table of Student's t falls towards the normal distribution's 3.29."""
    quantiles = [T_999[d] for d in sorted(T_999)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert quantiles[-1] > 3.29


@pytest.mark.parametrize(
    "values", [[], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, math.nan], [1.0, 2.0, 3.0, math.inf], [2.0] * 9]
)
def test_too_few_or_broken_values_give_no_spread(values):
    """Fewer than four values, one that is not finite, or all the same, say nothing about the next."""
    assert start_interval(values) is None


@given(FINITE, st.floats(1e-3, 1e3), FINITE)
def test_how_far_off_a_value_is_says_whether_it_agrees(centre, width, value):
    """Up to 1 it agrees, and beyond it grows with the distance."""
    interval = Interval(centre - width, centre + width, centre, "")
    off = interval.off(value)
    assert off == pytest.approx(abs(value - centre) / width, rel=1e-6)
    assert interval.holds(value) == (off <= 1) or off == pytest.approx(1)


@pytest.mark.parametrize(
    ("low", "centre", "value", "off"),
    [
        (1.0, 1.0, 1.0, 0.0),  # a width of zero
        (1.0, 1.0, 1.5, math.inf),
        (0.5, 1.0, math.nan, math.inf),
        (0.5, 1.0, math.inf, math.inf),
        (math.nan, math.nan, math.nan, 0.0),
        (math.nan, math.nan, 1.0, math.inf),
        (-math.inf, 1.0, 5.0, 0.0),  # a tolerance without an end
    ],
)
def test_what_has_no_distance_is_right_or_infinitely_off(low, centre, value, off):
    """A NaN, an infinity, and an interval that is one point."""
    assert Interval(low, 2 * centre - low, centre, "").off(value) == off
