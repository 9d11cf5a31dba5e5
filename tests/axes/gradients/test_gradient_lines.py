"""Statements that the port does not have are folded into the one that reads them; where several do, nothing is said."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_tool.axes.gradients.lines import _apart, _folded, _how
from bisect_tool.worker.probing.statements import projections


def edge(*values: float) -> tuple[float, ...]:
    """Return a contribution as it is recorded."""
    return tuple(projections(np.array(values)))


def test_a_variable_of_the_reference_alone_is_folded() -> None:
    """What its reader contributes through it is the reader's own contribution."""
    known = {
        "f:c|value": {"f:b|value|": edge(9.0), "f:a|value|": edge(1.0, 2.0)},
        "f:b|value": {"f:a|value|": edge(3.0, -1.0)},
    }
    assert _folded(known, {"f:c|value"}) == {"f:c|value": set()}
    assert set(known) == {"f:c|value"}
    np.testing.assert_allclose(known["f:c|value"]["f:a|value|"][1:], edge(4.0, 1.0)[1:])


def test_a_variable_that_two_read_is_not_told_apart() -> None:
    """What they read through it is judged of neither."""
    known = {
        "f:d|value": {"f:b|value|": edge(9.0)},
        "f:c|value": {"f:b|value|": edge(7.0)},
        "f:b|value": {"f:a|value|": edge(3.0, -1.0)},
    }
    unknown = _folded(known, {"f:d|value", "f:c|value"})
    assert unknown == {"f:d|value": {"f:a|value|"}, "f:c|value": {"f:a|value|"}}


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40), st.floats(-3, 3))
@settings(max_examples=100, deadline=None)
def test_projections_tell_a_scaled_gradient(values: list[float], factor: float) -> None:
    """What both sides contribute is apart by about as much as its projections are, never by nothing where it is scaled."""
    ours = np.array(values)
    apart = _apart(tuple(projections(ours)), tuple(projections(factor * ours)))
    exact = abs(factor - 1) * float(np.linalg.norm(ours))
    assert apart <= 2 * math.sqrt(len(values)) * exact + 1e-6


def test_what_differs_is_said() -> None:
    """None, one too many, a multiple, or off by so much."""
    assert _how(edge(1.0, 2.0, 3.0), None) == "no gradient"
    assert _how(None, edge(1.0)) == "a gradient where the reference passes none"
    assert _how(edge(1.0, 2.0, 3.0), edge(-2.0, -4.0, -6.0)) == "-2 times the reference's gradient"
    assert "off by about" in _how(edge(1.0, 2.0, 3.0), edge(1.0, -5.0, 3.0))
