"""The lines that both sides share: how they are looked at, and where the port takes another branch."""

from __future__ import annotations

import dataclasses

import pytest
from simulated_lines import NET, Line, LinesPort

from bisect_tool.axes.lines.names import paired
from bisect_tool.axes.lines.statements import SharedLines, Statement, look_at
from bisect_tool.probes.handed import Survey, Variable
from bisect_tool.probes.intervention import Intervention
from bisect_tool.sites import STEP, Site


def test_what_both_sides_assign_is_paired_and_taken_as_sites() -> None:
    """By name, and where names differ by value; assignments of one line to one variable are one statement."""
    port = LinesPort(
        [Line("x", at=1), Line("mine", ("x",)), Line("x#2", ("mine",), at=1)],
        [Line("x", at=1), Line("y", ("x",)), Line("x#2", ("y",), at=1)],
    )
    capture = port.case().capture
    port.asked.clear()
    lines = look_at(port, capture, Intervention(frozenset({NET})))
    assert port.attached == lines.pairs.to_port == {"loss:x": "loss:x", "loss:y": "loss:mine", "loss:x#2": "loss:x#2"}
    assert [statement.sites for statement in lines.statements] == [("loss:x", "loss:x#2"), ("loss:y",)]
    assert lines.order == {"loss:x": 0, "loss:y": 1, "loss:x#2": 2}
    assert lines.sites == ["loss:x", "loss:x#2", "loss:y"]
    assert port.asked == []


def test_only_variables_of_the_code_that_is_asked_about_are_shared() -> None:
    """A module's own are others than those after the last layer; the survey keeps all of them."""
    port = LinesPort([Line("x")], around=NET)
    capture = port.case().capture
    assert look_at(port, capture, Intervention(), (NET,)).sites == ["net:x"]
    outside = look_at(port, capture, Intervention())
    assert (outside.sites, len(outside.survey.variables)) == ([], 1)


def passed(function: str, place: str) -> Variable:
    """The first parameter of a function."""
    return Variable(Site(f"{function}:x"), STEP, True, place, ())


MINE = Variable(Site("crowded:y"), STEP, False, "ref.py:2", ())
THEIRS = Variable(Site("alone:y"), STEP, False, "port.py:2", ())
STATEMENT = Statement((MINE.site,), MINE, THEIRS)
CONDITIONS = {"port.py:9": (("port.py:8", frozenset({"alone", "crowded"})),)}
BRANCHED = SharedLines(
    None, Intervention(), None, None, Survey(functions=frozenset({"alone", "crowded"}), conditions=CONDITIONS),
    (passed("crowded", "ref.py:9"), MINE), (passed("alone", "port.py:9"), THEIRS), paired({}, (), ()),
)  # fmt: skip


def test_another_branch_is_known_by_the_condition_that_calls_the_reference_s_function_too() -> None:
    """Each side calls one of the two functions, and not the other's."""
    branch = BRANCHED.other_branch(STATEMENT)
    assert branch is not None
    assert (branch.condition, branch.ours.place, branch.theirs.place) == ("port.py:8", "ref.py:9", "port.py:9")


@pytest.mark.parametrize(
    "changed",
    [
        {"survey": Survey(functions=frozenset({"alone"}), conditions=CONDITIONS)},
        {"survey": Survey(functions=frozenset({"alone", "crowded"}))},
        {"ours": (*BRANCHED.ours, passed("alone", "ref.py:12"))},
        {"theirs": (*BRANCHED.theirs, passed("crowded", "port.py:12"))},
        {"ours": (MINE,)},
    ],
    ids=["not in the port", "no condition", "both called by the reference", "both called by the port", "never called"],
)
def test_a_function_that_is_just_called_otherwise_is_no_other_branch(changed: dict) -> None:
    """There is no condition to name."""
    assert dataclasses.replace(BRANCHED, **changed).other_branch(STATEMENT) is None
