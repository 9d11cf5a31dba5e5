"""The parts of a variable's value, and the reference's values put into their place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import measure, trees
from bisect_tool.worker.code import variables

MANY = [0.5] * variables.MOST_PARTS


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        (torch.ones(2), [""]),
        (np.ones(2), [""]),
        (np.float32(1), [""]),
        (True, [""]),
        (3, [""]),
        (0.5, [""]),
        (None, []),
        ("text", []),
        (1j, [""]),
        (np.array(["a"]), []),
        (np.array([None]), []),
        (object(), []),
        ([1, "a", (torch.ones(1), None)], ["0", "2.0"]),
        ({"b": [1, 2], "a": {3: np.ones(1)}}, ["b.0", "b.1", "a.3"]),
        ([], []),
        (MANY, [str(n) for n in range(variables.MOST_PARTS)]),
        ([*MANY, 1], []),
        ([torch.ones(2), MANY], []),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_parts_of_a_value(value: Any, paths: list[str]) -> None:
    """Tensors, arrays and numbers are, however deep they lie; very many of them are no value that somebody compares."""
    assert [path for path, _ in variables.parts(torch_adapter, value)] == paths


F32, F64, I64 = np.float32, np.float64, np.int64


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        pytest.param(torch.zeros(2), np.array([1.5, 2], F64), torch.tensor([1.5, 2]), id="the tensor's dtype"),
        pytest.param(
            torch.zeros(2, 1), np.array([1.5, 2], F32), torch.tensor([[1.5], [2]]), id="an axis of length 1 is kept"
        ),
        pytest.param(torch.zeros(2), np.ones((1, 2), F32), torch.ones(2), id="an axis of length 1 is left out"),
        pytest.param(torch.zeros(3), np.ones((2, 2), F32), torch.ones(2, 2), id="another size has the reference's shape"),
        pytest.param(torch.zeros(2, dtype=torch.bool), np.array([0.0, 1.0], F32), torch.tensor([False, True]), id="a mask"),
        pytest.param(torch.zeros(2), np.array([False, True]), torch.tensor([0.0, 1.0]), id="a mask as numbers"),
        pytest.param(torch.zeros(2, dtype=torch.int32), np.array([3.0, 4.0], F32), torch.tensor([3, 4], dtype=torch.int32), id="whole"),
        pytest.param(torch.zeros(2, dtype=torch.int32), np.array([3.5, 4.0], F32), torch.tensor([3.5, 4.0]), id="fractions"),
        pytest.param(torch.zeros(1), np.array(2.5, F64), torch.tensor([2.5]), id="a number for a tensor"),
        pytest.param(np.zeros((2, 1), F32), np.array([1.5, 2], F64), np.array([[1.5], [2]], F32), id="an array"),
        pytest.param(np.zeros(2, I64), np.array([1.5, 2], F64), np.array([1.5, 2], F64), id="fractions in an array"),
        pytest.param(np.float32(0), np.array(2.5, F64), np.float32(2.5), id="a number of numpy"),
        pytest.param(0.0, np.array([2.5], F32), 2.5, id="a number"),
        pytest.param(0, np.array(3, I64), 3, id="a whole number"),
        pytest.param(0, np.array(3.0, F32), 3, id="a whole number that is written as a fraction"),
        pytest.param(0, np.array(3.5, F32), 3.5, id="a fraction for a whole number"),
        pytest.param(False, np.array(True), True, id="a truth"),
        pytest.param(torch.zeros(1, dtype=torch.complex64), np.array([[1, 2]], F32), torch.tensor([1 + 2j]), id="pairs as complex numbers"),
        pytest.param(torch.zeros(1, 2), np.array([1 + 2j], np.complex64), torch.tensor([[1.0, 2.0]]), id="complex numbers as pairs"),
    ],
)  # fmt: skip
def test_a_value_is_put_back_as_what_the_model_has_there(own: Any, given: np.ndarray, expected: Any) -> None:
    """Framework, dtype and shape are the model's own as far as the reference's values fit in them."""
    new = variables.like(torch_adapter, own, given)
    assert type(new) is type(expected)
    assert np.array_equal(np.asarray(new), np.asarray(expected))
    if not isinstance(expected, (bool, int, float)):
        assert (new.dtype, tuple(new.shape)) == (expected.dtype, tuple(expected.shape))


def test_what_is_put_back_is_an_array_of_its_own() -> None:
    """Code that goes on to write into it does not change what the reference had."""
    given = np.zeros(2, np.float32)
    for own in (torch.ones(2), np.ones(2, np.float32)):
        variables.like(torch_adapter, own, given)[0] = 5
    assert given.tolist() == [0, 0]


def test_a_shape_stays_a_shape() -> None:
    """A torch.Size whose numbers are put back can still do what a torch.Size can."""
    shape = trees.map_leaves(torch.Size([2, 3]), lambda v: variables.is_part(torch_adapter, v), lambda n: n)
    assert isinstance(shape, torch.Size)


class Kept(dict[str, np.ndarray]):
    """Recorded arrays by their keys."""

    read = dict.__getitem__


COMPLEX = np.array([[1 + 2j, 3 - 4j]], np.complex64)
PAIRS = np.array([[[1, 2], [3, -4]]], F32)


@pytest.mark.parametrize(("own", "recorded"), [(COMPLEX, PAIRS), (PAIRS, COMPLEX)], ids=["complex", "pairs"])
def test_complex_numbers_may_be_pairs_of_real_ones(own: np.ndarray, recorded: np.ndarray) -> None:
    """They are the same value: compared as such, and put back in the form that the model has, with the reference's digest."""
    kept, tree = Kept(key=recorded), {"tensor": "key"}
    value = torch.from_numpy(own)
    (row,) = variables.differences(torch_adapter, kept, tree, [("", value)], value)
    assert (row["error"], row["misplaced"]) == (0.0, 0)
    (row,) = variables.differences(torch_adapter, kept, tree, [("", 2 * value)], 2 * value)
    assert row["error"] == 1.0
    new, digests = variables.replaced(torch_adapter, kept, tree, [("", 2 * value)], 2 * value)
    assert torch.equal(new, value)
    assert digests == [measure.digest(recorded)]


def test_pairs_are_pairs_along_the_last_axis_only() -> None:
    """Real numbers of another shape are other numbers."""
    assert "complex" in variables.difference(COMPLEX, PAIRS[0])["mismatch"]
