"""Cut search against every kind of boundary."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.search.cuts import Boundary, bisect_cuts
from bisect_tool.search.verdict import Verdict

GUESSES = st.lists(st.integers(-3, 310), max_size=40)


@st.composite
def boundaries(draw):
    """Draw (count, first cut that agrees)."""
    count = draw(st.integers(1, 300))
    return count, draw(st.integers(1, count))


def search(count, first_agreeing, *, likely=(), unresolved=()):
    """Return the boundary found and the cuts asked for it."""
    asked = []

    def verdict_at(cut):
        asked.append(cut)
        if cut in unresolved:
            return Verdict.UNRESOLVED
        return Verdict.AGREES if cut >= first_agreeing else Verdict.DIVERGES

    return bisect_cuts(count, verdict_at, likely=likely), asked


@given(boundaries(), GUESSES)
def test_a_resolved_search_is_exact(case, likely):
    """Whatever the guesses, the boundary is exact where every cut answers, and takes at most log2 N + 2 of them."""
    count, first = case
    boundary, asked = search(count, first, likely=likely)
    assert boundary == Boundary(first - 1, first)
    assert boundary.exact
    assert len(asked) <= math.ceil(math.log2(count)) + 2


@given(boundaries())
def test_without_a_guess_the_search_is_a_plain_bisection(case):
    """With no guess at most log2 N cuts are asked."""
    count, first = case
    _, asked = search(count, first)
    assert len(asked) <= math.ceil(math.log2(count))


@given(boundaries())
def test_a_right_guess_takes_two_probes(case):
    """A guess that is the last diverging cut is confirmed with at most two probes."""
    count, first = case
    boundary, asked = search(count, first, likely=[first - 1])
    assert boundary.exact
    assert set(asked) <= {first - 1, first}
    assert len(asked) <= 2


@given(boundaries(), GUESSES, st.data())
def test_unresolved_cuts_are_stepped_around(case, likely, data):
    """Any set of unresolved cuts leaves a true bracket, with nothing inside it but unresolved cuts."""
    count, first = case
    unresolved = data.draw(st.sets(st.integers(1, max(1, count - 1))))
    boundary, _ = search(count, first, likely=likely, unresolved=unresolved)
    assert 0 <= boundary.low < first <= boundary.high <= count
    assert boundary.low not in unresolved
    assert boundary.high not in unresolved or boundary.high == count
    assert set(range(boundary.low + 1, boundary.high)) <= unresolved
    assert boundary.exact == (boundary.high == boundary.low + 1)


@given(boundaries(), GUESSES, st.data())
def test_no_cut_is_asked_twice_and_no_end_at_all(case, likely, data):
    """The ends are taken on trust, and no other cut is asked twice."""
    count, first = case
    unresolved = data.draw(st.sets(st.integers(0, count)))
    _, asked = search(count, first, likely=likely, unresolved=unresolved)
    assert len(asked) == len(set(asked))
    assert set(asked) <= set(range(1, count))


@pytest.mark.parametrize("likely", [[], [0]])
def test_one_site_needs_no_probe(likely):
    """With a single site the boundary is known before any probe."""
    boundary, asked = search(1, 1, likely=likely)
    assert (boundary, asked) == (Boundary(0, 1), [])


def test_a_boundary_among_failures_only_is_wide():
    """Where every cut in between is unresolved the boundary spans them all, and says that it is not exact."""
    boundary, asked = search(9, 5, unresolved=range(3, 8))
    assert boundary == Boundary(2, 8)
    assert not boundary.exact
    assert set(range(3, 8)) <= set(asked)


@pytest.mark.parametrize(("likely", "first"), [(range(40), 300), (range(260, 299), 1), (range(0, 299, 2), 150)])
def test_many_wrong_guesses_do_not_use_up_the_search(likely, first):
    """A crowd of guesses far from the boundary is given up in time for a plain bisection."""
    boundary, asked = search(300, first, likely=likely)
    assert boundary == Boundary(first - 1, first)
    assert len(asked) <= math.ceil(math.log2(300)) + 2
