"""Numbers about arrays."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bisect_tool.worker.arrays import measure

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
FLOATS = arrays.arrays(np.float32, SHAPES, elements=st.floats(-1e4, 1e4, width=32))
ANY = arrays.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]), SHAPES)


@given(ANY)
def test_a_digest_depends_on_the_values_alone(array):
    """A copy and another memory layout have the same digest."""
    assert measure.digest(array) == measure.digest(array.copy()) == measure.digest(np.asfortranarray(array))


@given(ANY, st.data())
def test_a_digest_changes_with_any_bit(array, data):
    """One flipped bit gives another digest."""
    data_bytes = bytearray(np.ascontiguousarray(array).tobytes())
    if data_bytes:
        place = data.draw(st.integers(0, len(data_bytes) - 1))
        data_bytes[place] ^= 1 << data.draw(st.integers(0, 7))
        changed = np.frombuffer(bytes(data_bytes), np.uint8)
        assert measure.digest(changed) != measure.digest(array)


@given(FLOATS)
def test_statistics_are_numpy_s(array):
    """Mean, std, min and max are what numpy computes in float64."""
    if not array.size:
        assert measure.statistics(array) == {}
        return
    found, exact = measure.statistics(array), array.astype(np.float64)
    assert found["mean"] == pytest.approx(exact.mean(), rel=1e-6, abs=1e-6)
    assert (found["min"], found["max"]) == (exact.min(), exact.max())
    assert found["std"] == pytest.approx(exact.std(), rel=1e-2, abs=2e-3 * np.abs(exact).max() + 1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_statistics_show_what_is_not_finite(value):
    """NaN and infinity are seen in the largest value, without a warning."""
    assert not math.isfinite(measure.statistics(np.array([1.0, value], np.float32))["max"])


def test_a_constant_has_no_spread():
    """The standard deviation of a constant is exactly zero, whatever its size."""
    assert measure.statistics(np.full(1000, 0.1, np.float32))["std"] == 0.0


def test_integers_and_booleans_have_statistics_and_words_have_none():
    """Whatever can be counted is, anything else is left out."""
    assert measure.statistics(np.array([1, 3]))["mean"] == 2.0
    assert measure.statistics(np.array([True, False]))["mean"] == 0.5
    assert measure.statistics(np.array(["a"])) == {}


def test_variation_is_within_a_channel():
    """Channels that differ from each other but are constant inside carry no signal."""
    channels = np.broadcast_to(np.arange(3, dtype=np.float32).reshape(1, 3, 1, 1), (2, 3, 4, 4))
    assert measure.variation(channels) == 0.0
    assert measure.variation(channels.reshape(-1)) == 2.0
    assert measure.variation(np.zeros(0, np.float32)) is None
    assert measure.variation(np.arange(3)) is None


@given(FLOATS, st.floats(0.0, 0.5))
def test_the_difference_is_relative(array, amount):
    """A value that is off by a share of itself has that share as its error."""
    found = measure.difference(array.astype(np.float64) * (1 + amount), array)
    assert found["error"] == pytest.approx(amount if np.any(array) else 0.0, rel=1e-6, abs=1e-12)


def test_elements_that_are_wholly_wrong_are_counted_beside_a_huge_one():
    """The norm does not show them; what rounding leaves of a difference of large numbers is not counted."""
    expected = np.array([1.0, 2.0, 3.0, 1e-6, 0.0, 1e10, np.inf], np.float32)
    value = np.array([1.001, 2.1, 0.0, 5e-6, 1e-6, 1e10, np.inf], np.float32)
    assert measure.difference(value, expected)["error"] < 1e-9
    assert measure.misplaced(value, expected) == 2
    assert measure.misplaced(np.array([1, 2, 3]), np.array([1, 2, 4])) == 1
    assert measure.misplaced(np.full(3, 1e-9), np.zeros(3)) == 0
    assert measure.misplaced(np.array([np.nan, 1.0, np.inf]), np.array([0.0, 1.0, np.inf])) == 1


def test_a_difference_from_nothing_is_taken_as_it_is():
    """Where the reference is zero throughout there is no scale, and rounding stays small."""
    assert measure.difference(np.full(2, 1e-13), np.zeros(2))["error"] == pytest.approx(1e-13)
    assert measure.difference(np.zeros(2, np.float32), np.zeros(2, np.float32)) == {"error": 0.0}


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.bool_])
def test_integers_differ_by_the_share_of_unequal_elements(dtype):
    """A mask or an index is compared element by element, also with a float's integers."""
    expected = np.array([0, 1, 1, 0], dtype)
    assert measure.difference(np.array([0, 1, 0, 0], np.int32), expected) == {"error": 0.25}
    assert measure.difference(expected.astype(np.float32), expected) == {"error": 0.0}
    assert measure.difference(np.zeros(0, dtype), np.zeros(0, dtype)) == {"error": 0.0}


def test_other_shapes_do_not_compare():
    """Another shape is a mismatch with both shapes in words, but one element is one element."""
    found = measure.difference(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    assert found == {"mismatch": "shape [2, 3], reference [3, 2]"}
    found = measure.difference(np.zeros((2, 3), np.complex64), np.zeros((2, 3, 2), np.float32))
    assert found == {"mismatch": "shape [2, 3] of complex numbers, reference [2, 3, 2]"}
    assert measure.difference(np.zeros(1, np.float32), np.zeros((), np.float32)) == {"error": 0.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("expected", [math.nan, math.inf, -math.inf, 1.0])
def test_what_is_not_finite_must_be_the_same(value, expected):
    """NaN and each infinity agree with themselves only, and leave the rest to be compared."""
    found = measure.difference(np.array([value, 2.0]), np.array([expected, 1.0]))
    same = value == expected or (math.isnan(value) and math.isnan(expected))
    assert found.get("error") == (1.0 if same else None)
    assert ("mismatch" in found) != same


def test_an_empty_array_equals_itself():
    """Nothing differs from nothing."""
    assert measure.difference(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)) == {"error": 0.0}


@given(st.integers(64, 200_000), st.integers(0, 100))
@settings(deadline=None, max_examples=25)
def test_quantiles_are_numpy_s(size, seed):
    """Seventeen quantiles ascend, rounded to 1e-4 of the spread, of all numbers or of every k-th."""
    array = np.random.default_rng(seed).normal(0.001, 3e-5, size).astype(np.float32)
    found = measure.initial(array)
    step = next(s for s in range(-(-size // 65536), size) if math.gcd(s, size) == 1)
    ordered = np.sort(array[::step].astype(np.float64))
    assert found["quantiles"] == sorted(found["quantiles"])
    assert found["quantiles"] == pytest.approx([ordered[len(ordered) * k // 18] for k in range(1, 18)], abs=1e-9)
    assert {k: v for k, v in found.items() if k != "quantiles"} == measure.statistics(array)


def test_quantiles_are_not_of_one_channel_alone():
    """Of a large tensor whose channels differ, the numbers looked at come from all of them."""
    array = np.tile(np.arange(9, dtype=np.float32), 65536)
    assert measure.initial(array)["quantiles"] == pytest.approx(np.repeat(np.arange(9), 2)[1:], abs=1)


@pytest.mark.parametrize(
    "array",
    [
        np.full(100, 0.1, np.float32),
        np.arange(63.0),
        np.arange(100),
        np.full(100, np.nan),
        np.zeros(0),
        np.array(["a"]),
    ],
)
def test_a_constant_or_a_few_numbers_have_no_quantiles(array):
    """Quantiles are kept where they say more than mean, spread and extremes do."""
    assert "quantiles" not in measure.initial(array)


def test_a_mask_that_is_added_before_a_softmax_is_where_it_shuts():
    """By which number it shuts makes no difference; a table with large negative numbers is no mask."""
    mask = np.triu(np.full((3, 3), -np.inf, np.float32), 1)
    assert all(np.array_equal(measure.shut(np.maximum(mask, low)), mask < 0) for low in (-np.inf, -1e9, -100))
    for other in (np.array([0.0, -1.0]), np.array([0.5, -200.0]), np.arange(-200, 0), np.zeros(0), np.zeros(3)):
        assert measure.shut(other) is other


COMPLEX = np.random.default_rng(0).normal(size=(6, 8, 2)).view(np.complex128)[..., 0]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers_are_compared_as_wholes(dtype):
    """The error is the rms of the complex difference; neither part is lost."""
    array = COMPLEX.astype(dtype)
    for off in (1e-3, 1e-3j, np.exp(1e-3j) - 1):
        found = measure.difference(array * (1 + off), array)["error"]
        assert found == pytest.approx(abs(off), rel=1e-2)
    assert measure.difference(array.conj(), array)["error"] > 0.5
    assert measure.difference(array.real, array)["error"] > 0.5
    assert measure.difference(array, array.real)["error"] > 0.5
    assert measure.difference(array.real + 0j, array.real)["error"] == 0
    assert "mismatch" in measure.difference(array * complex(0, np.nan), array)
    assert measure.misplaced(array, array) == 0
    assert measure.misplaced(array * np.array([1] * 7 + [1j]), array) == 6


def test_complex_gradients_are_compared_as_wholes():
    """As those of real parameters are, of one kind or of both."""
    found = measure.pulled_apart(2j * COMPLEX, COMPLEX)
    assert found["apart"] == pytest.approx(measure.rms(2j * COMPLEX - COMPLEX))
    assert found["ratio"] == pytest.approx(0, abs=1e-12)
    assert measure.pulled_apart(COMPLEX.real, COMPLEX)["apart"] == pytest.approx(measure.rms(1j * COMPLEX.imag))
    assert measure.pulled_apart(None, COMPLEX)["apart"] == pytest.approx(measure.rms(COMPLEX))


def test_complex_numbers_have_the_statistics_of_their_parts():
    """So that laws of initial values can be told, and a constant is one."""
    both = np.stack([COMPLEX.real, COMPLEX.imag])
    assert measure.statistics(COMPLEX) == pytest.approx(measure.statistics(both))
    assert len(measure.initial(COMPLEX)["quantiles"]) == 17
    assert measure.variation(np.full((3, 4), 1 + 2j)) == 0
    assert measure.variation(COMPLEX) > 1
    assert measure.statistics(COMPLEX[:0]) == {}
    assert measure.digest(COMPLEX) != measure.digest(COMPLEX.conj())
