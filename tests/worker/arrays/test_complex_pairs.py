"""Complex numbers beside pairs of real ones: which forms shapes allow for, and that each can be applied both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bisect_tool.worker.arrays import Array, pairs

RNG = np.random.default_rng(0)


def whole(*shape: int) -> Array:
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(np.complex64)


def forms(array: Array, expected: Array) -> list[Any]:
    return list(pairs.forms(array.shape, array.dtype.kind, expected.shape, expected.dtype.kind).values())


def stacked(axis: int, order: tuple[int, ...] | None = None) -> Any:
    return lambda x: np.stack((x.real, x.imag), axis).transpose(order)


ONE_FORM = {
    "last": ((3, 4, 5), stacked(-1)),
    "channels": ((3, 4, 5), stacked(1)),
    "one channel": ((2, 1, 4, 5), lambda x: np.concatenate((x.real, x.imag), 1)),
    "no channel": ((3, 4, 5), lambda x: np.stack((x.real, x.imag), 1)[:, :, None]),
    "channels last": ((3, 4, 5), stacked(0, (1, 3, 2, 0))),
    "places in a row": ((3, 4, 5, 6), lambda x: np.stack((x.real, x.imag), 1).reshape(3, 2, 4, 30)),
}


@pytest.mark.parametrize("name", ONE_FORM)
def test_a_form_that_alone_fits_is_found_and_taken_back(name: str) -> None:
    """From either side it gives the other."""
    shape, write = ONE_FORM[name]
    value = whole(*shape)
    real = np.ascontiguousarray(write(value))
    for array, expected in ((real, value), (value, real)):
        (form,) = forms(array, expected)
        np.testing.assert_array_equal(form(expected), array)
        assert form(expected).dtype == array.dtype
        np.testing.assert_array_equal(pairs.written(array, expected), array)


@pytest.mark.parametrize(
    ("shape", "real", "count"),
    [((2, 2), (2, 2, 2), 3), ((2, 5), (2, 2, 5), 2), ((3, 4), (3, 8), 2), ((3, 4), (6, 4), 2), ((4, 4), (4, 4, 2), 1)],
)
def test_shapes_may_allow_for_several(shape: tuple[int, ...], real: tuple[int, ...], count: int) -> None:
    """All are returned, each another one, and none of them is taken for the form."""
    value, other = whole(*shape), np.zeros(real, np.float32)
    found = forms(other, value)
    assert len({form(value).tobytes() for form in found}) == len(found) == count
    assert (pairs.written(other, value) is value) == (count > 1)


@pytest.mark.parametrize(
    "other", [np.zeros((3, 4), np.float32), np.zeros((3, 4, 2), np.int64), whole(3, 4, 2), whole(3, 8)]
)
def test_nothing_else_is_a_pair(other: Array) -> None:
    """Not as many numbers, not other kinds of them."""
    assert forms(other, whole(3, 4)) == []
    assert forms(np.zeros((5, 5), np.float32), whole(3, 4)) == []


def test_numbers_cut_elsewhere_have_no_form() -> None:
    """Though there are twice as many: nothing says in which order they stand."""
    assert forms(np.zeros((8, 3, 5), np.float32), whole(6, 10)) == []
