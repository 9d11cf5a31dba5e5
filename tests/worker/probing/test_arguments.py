"""What a call is handed, by the names of its arguments."""

from __future__ import annotations

import pytest

from bisect_tool.worker.probing import arguments


def plain(x, mask=None):
    """Take two."""


def rest(x, *others, scale=1.0):
    """Take any number."""


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1, 2), {}), ((1,), {"mask": 2}), ((), {"x": 1, "mask": 2}), ((), {"mask": 2, "x": 1})]
)
def test_position_and_keyword_are_the_same(args, kwargs):
    """One side may pass by position what the other passes by keyword; the call is made again as it was made."""
    found = arguments.named(plain, args, kwargs)
    assert found.by_name == {"x": 1, "mask": 2}
    again = found.call({"x": 10, "mask": 20})
    assert (tuple(again[0]), again[1]) == (tuple(10 * a for a in args), {name: 10 * v for name, v in kwargs.items()})


def test_further_positions_are_numbered_under_the_name_that_takes_them():
    """So are all where the first takes them, and those beyond what the function names."""
    names = arguments.parameters(rest)
    assert names == ["x", "*others"]
    assert arguments.named(rest, (1, 2, 3), {"scale": 4}).by_name == {"x": 1, "others.0": 2, "others.1": 3, "scale": 4}
    assert arguments.named(dict.update, (1, 2), {}).by_name == {"0": 1, "1": 2}


def test_what_is_not_written_in_python_names_nothing():
    """Its positions are numbers."""
    assert arguments.parameters(dict.update) in ([], ["self"])
    assert arguments.parameters(range) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("0.0", "x"), ("0.1.inner", "mask.inner"), ("1.mask", "mask"), ("1.mask.0", "mask.0"), ("0.7", "7")],
)
def test_a_recorded_path_is_known_by_the_arguments_name(path, name):
    """The first number says whether it was a position or a keyword."""
    assert arguments.recorded(["x", "mask"], path) == name


@pytest.mark.parametrize(
    ("compute", "args", "full"),
    [
        (plain, (1, 2), True),
        (plain, (1,), False),
        (plain, (1, None), False),
        (rest, (1,), False),
        (range, (1,), False),
        (lambda x: x, (1,), True),
    ],
)
def test_a_function_that_takes_no_more_is_told(compute, args, full):
    """What has an argument left, or takes any number, may have been left without something."""
    assert arguments.named(compute, args, {}).full is full
