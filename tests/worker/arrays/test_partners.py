"""Which tensor stands for which recorded one, where two values are structured otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.worker.arrays.partners import partners

A, B, C = (2, 3), (4,), (5, 5)
PATHS = st.lists(st.sampled_from(["0", "1", "2", "a", "b", "x.a", "x.0", "y.0"]), unique=True, max_size=6)
LEAVES = PATHS.flatmap(
    lambda paths: st.lists(st.sampled_from([A, B, C, ()]), min_size=len(paths), max_size=len(paths)).map(
        lambda shapes: list(zip(paths, shapes, strict=True))
    )
)


@pytest.mark.parametrize(
    ("expected", "found", "pairs"),
    [
        ([("", A)], [("0", A)], [0]),  # a tuple of one for a tensor
        ([("", A)], [("0", B), ("1", A)], [None, 0]),  # with something beside it
        ([("logits", A), ("aux", B)], [("0", A), ("1", B)], [0, 1]),  # a dict or dataclass for a list
        ([("logits", A), ("aux", A)], [("0", A), ("1", A)], [0, 1]),  # of one shape: in order
        ([("0", A), ("1.0", B), ("1.1", C)], [("0", A), ("1", B), ("2", C)], [0, 1, 2]),  # flat for nested
        ([("0", A), ("1.0", A), ("1.1", A)], [("0", A), ("1", A), ("2", A)], [0, 1, 2]),
        ([("0", A), ("1", B)], [("0", B), ("1", A)], [1, 0]),  # another order that only the shapes tell
        ([("out.mask", A), ("out.box", A)], [("box", A), ("mask", A)], [1, 0]),  # by name
        ([("0.0", A), ("1.mask", B)], [("0.0", A), ("0.1", B)], [0, 1]),  # a keyword for a position
        ([("0", A), ("1", A)], [("0", A)], [0]),  # one that is not there
        ([("0", A)], [("0", A), ("1", A)], [0, None]),
        ([("0", A), ("1", B)], [("0", A), ("1", C)], [0, 1]),  # misshapen: what stands in its place
        ([("boxes", A), ("b", B)], [("boxes", B), ("b", B)], [0, 1]),  # a name weighs more than a shape
        ([("", A)], [("0", B)], [0]),  # one of one
        ([("", ())], [("0", (1,))], [0]),  # Jittor has no scalars
        ([("a", A), ("b", B)], [("c", C), ("d", C)], [None, None]),
        ([], [("a", A)], [None]),
    ],
)
def test_leaves_are_paired(expected, found, pairs):
    """By path, then by name, then by shape, then in order."""
    assert partners(expected, found) == pairs


@given(LEAVES, LEAVES)
def test_each_stands_for_one(expected, found):
    """Nothing is paired twice, and there is an answer for each."""
    pairs = partners(expected, found)
    assert len(pairs) == len(found)
    some = [place for place in pairs if place is not None]
    assert len(set(some)) == len(some)
    assert all(0 <= place < len(expected) for place in some)


@given(LEAVES)
def test_the_same_structure_is_paired_as_it_is(leaves):
    """Equal paths and shapes: each with itself."""
    assert partners(leaves, leaves) == list(range(len(leaves)))


@given(LEAVES, LEAVES)
def test_pairing_goes_both_ways(expected, found):
    """Which of two values is the recorded one makes no difference."""
    there = {(place, number) for number, place in enumerate(partners(expected, found)) if place is not None}
    back = {(number, place) for number, place in enumerate(partners(found, expected)) if place is not None}
    assert there == back
