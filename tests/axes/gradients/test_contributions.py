"""What statements contribute to gradients: folding what one side lacks, and telling two contributions apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_tool.axes.gradients.contributions import (
    Contribution,
    Contributions,
    difference,
    distance,
    folded,
    parsed,
    wrong_edges,
)
from bisect_tool.captures.manifest import Gradients
from bisect_tool.sites import STEP, Edge, Site
from bisect_tool.worker.probing.statements import projections


def edge(*values: float) -> Contribution:
    """Return a contribution as it is recorded."""
    return tuple(projections(np.array(values)))


def statement(name: str) -> Edge:
    return Edge(f"f:{name}", "value")


def read(name: str) -> Edge:
    return Edge(f"f:{name}", "value", "")


def test_a_variable_of_the_reference_alone_is_folded() -> None:
    """What its reader contributes through it is the reader's own contribution."""
    known = {
        statement("c"): {read("b"): edge(9.0), read("a"): edge(1.0, 2.0)},
        statement("b"): {read("a"): edge(3.0, -1.0)},
    }
    kept, unjudged = folded(known, {statement("c")})
    assert unjudged == {statement("c"): set()}
    assert set(kept) == {statement("c")}
    assert set(kept[statement("c")]) == {read("a")}
    np.testing.assert_allclose(kept[statement("c")][read("a")][1:], edge(4.0, 1.0)[1:])
    assert len(known) == 2  # what was recorded stays as it is


def test_a_variable_that_two_read_is_not_told_apart() -> None:
    """What they read through it is judged of neither."""
    known = {
        statement("d"): {read("b"): edge(9.0)},
        statement("c"): {read("b"): edge(7.0)},
        statement("b"): {read("a"): edge(3.0, -1.0)},
    }
    _, unjudged = folded(known, {statement("d"), statement("c")})
    assert unjudged == {statement("d"): {read("a")}, statement("c"): {read("a")}}


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40), st.floats(-3, 3))
@settings(max_examples=100, deadline=None)
def test_projections_tell_a_scaled_gradient(values: list[float], factor: float) -> None:
    """What both sides contribute is apart by about as much as its projections are, never by nothing where it is scaled."""
    ours = np.array(values)
    apart = distance(tuple(projections(ours)), tuple(projections(factor * ours)))
    exact = abs(factor - 1) * float(np.linalg.norm(ours))
    assert apart <= 2 * math.sqrt(len(values)) * exact + 1e-6


def test_what_differs_is_said() -> None:
    """None, one too many, a multiple, or off by so much."""
    assert difference(edge(1.0, 2.0, 3.0), None) == "no gradient"
    assert difference(None, edge(1.0)) == "a gradient where the reference passes none"
    assert difference(edge(1.0, 2.0, 3.0), edge(-2.0, -4.0, -6.0)) == "-2 times the reference's gradient"
    assert "off by about" in difference(edge(1.0, 2.0, 3.0), edge(1.0, -5.0, 3.0))


def recorded(statements: dict[str, dict[str, Contribution]], connected: Any = ()) -> Gradients:
    """Return recorded gradients with the statements of step."""
    data = {
        "of": ["loss"], "parameters": {}, "noise": {"parameters": {}, "norm": 0.0}, "sites": {}, "later": 0,
        "statements": {"step": list(statements.items())}, "variables": {}, "connected": dict(connected), "places": {},
        "optimizer": None, "off": [],
    }  # fmt: skip
    return Gradients.model_validate(data)


OURS = {
    "targets": {"f:loss|value|": edge(1.0)},
    "f:loss|value": {"f:x|value|": edge(1.0, 2.0), "net|output|": edge(5.0, 5.0)},
    "f:x|value": {"net|output|": edge(3.0, 1.0)},
}


def found(theirs: dict[str, dict[str, Contribution]], made: str = "net", **more: Any) -> list[tuple[str, str]]:
    """Return which statements pass wrongly what to what."""
    mine: Contributions = parsed(theirs.items())
    wrong = wrong_edges(recorded(OURS, **more), STEP, mine, frozenset({Site(made)}))
    return [(edge.statement.spell(), edge.read.spell()) for edge in wrong]


def test_equal_contributions_say_nothing() -> None:
    """Whatever they are."""
    assert found(OURS) == []


def test_a_statement_that_passes_none_is_named_with_what_it_reads() -> None:
    """The others are not."""
    theirs = {**OURS, "f:loss|value": {"net|output|": edge(5.0, 5.0)}}
    assert found(theirs) == [("f:loss|value", "f:x|value|")]
    assert found(theirs, connected={"f:x": {"": False}}) == []  # no gradient passes it in the reference


def test_a_statement_that_passes_too_much_is_named() -> None:
    """Where the reference stops it."""
    theirs = {**OURS, "targets": {"f:loss|value|": edge(1.0), "f:x|value|": edge(2.0, 2.0)}}
    assert found(theirs) == [("targets", "f:x|value|")]


def test_what_reads_a_call_that_the_port_does_not_make_is_not_judged() -> None:
    """It reads something else there."""
    theirs = {**OURS, "f:x|value": {"net|output|": edge(9.0, 9.0)}}
    assert found(theirs) == [("f:x|value", "net|output|")]
    assert found(theirs, made="other") == []
