"""The probes about lines: which are run, in which order, how many, and what counts as off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest
from simulated_lines import NET, Line, LinesPort, blamed, names

from bisect_tool.axes.lines.findings import line_before
from bisect_tool.axes.lines.healing import MOST_TRIED, healing, several, wrong
from bisect_tool.axes.lines.probes import LineProbes, beside, is_off, open_probes
from bisect_tool.axes.lines.statements import look_at
from bisect_tool.probes.handed import Variable
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.sites import Site

A, B, C = Line("a"), Line("b", ("a",), wrong=0.5), Line("c", ("a", "b"))
LAYERS = Intervention(frozenset({NET}))


def probes_of(lines: Sequence[Line], **fields: Callable[[Intervention], bool]) -> tuple[LineProbes, LinesPort]:
    """Open the probes about some lines; the port has run nothing else."""
    port = LinesPort(lines, **fields)
    case = port.case()
    port.asked.clear()
    return open_probes(case.question, look_at(port, case.capture, LAYERS), case.question.verdict), port


def labels(probes: LineProbes) -> list[str]:
    """What each probe about lines is called, in order."""
    return [row.what for row in probes.question.log.rows if row.phase == "lines"]


def test_to_open_probes_takes_one_run() -> None:
    """All that the lines read is patched, and every line is watched; to look at the lines takes no probe."""
    probes, port = probes_of([A, B, C])
    assert [(i.patched, i.watched) for i in port.asked] == [({NET}, {"loss:a", "loss:b", "loss:c"})]
    assert [s.name for s in probes.suspects()] == ["loss:b", "loss:c"]
    assert [s.name for s in probes.lines.statements] == ["loss:a", "loss:b", "loss:c"]


def test_the_lines_are_tried_in_the_order_in_which_they_are_off() -> None:
    """The first that heals ends it, since what is off before it does not heal."""
    probes, _ = probes_of([A, Line("x", negative=True), B, C])
    assert [s.name for s in healing(probes)] == ["loss:b"]
    assert labels(probes) == [
        "all that the lines read patched, lines watched", "loss:x alone", "loss:b alone",
    ]  # fmt: skip


def test_an_argument_of_a_call_that_is_known_to_be_right_is_clear() -> None:
    """It may have another name than the reference's; what the code assigns, and what others are passed, is not."""
    probes, _ = probes_of([A, B])
    argument = Variable(Site("net:angles"), Site("net"), passed=True, place="port.py:1", parts=())
    assigned, handed_on = (
        dataclasses.replace(argument, passed=False),
        dataclasses.replace(argument, site=Site("turn:angles")),
    )
    given = dataclasses.replace(probes, lines=dataclasses.replace(probes.lines, given="net"))
    assert [given.is_clear(one) for one in (argument, assigned, handed_on)] == [True, False, False]
    assert not probes.is_clear(argument)


def test_a_probe_is_asked_beside_what_else_is_to_blame() -> None:
    """Nothing is opened anew where there is nothing else; what the verdict speaks of stays."""
    probes, port = probes_of([A, B, Line("x", ("a",), wrong=0.5), Line("end", ("b", "x"))])
    assert beside(probes, []) is probes
    other = probes.lines.statements[1]
    proving = beside(dataclasses.replace(probes, about=probes.question), [other])
    assert port.asked[-1].patched == {NET, "loss:b"}
    assert (proving.others, proving.about, len(port.asked)) == ((other,), probes.question, 2)
    assert proving.heals([probes.lines.statements[2]])
    assert port.asked[-1].patched == {NET, "loss:b", "loss:x"}


@pytest.mark.parametrize("number", [10, MOST_TRIED, 100])
def test_the_number_of_probes_stays_bounded(number: int) -> None:
    """Of many lines that are off and do not heal the first are tried, and then the first that are wrong by themselves."""
    lines = [Line("v0", wrong=0.5)]
    lines += [Line(f"v{n}", (f"v{n - 1}",), negative=True, wrong=0.5) for n in range(1, number)]
    probes, port = probes_of(lines)
    assert healing(probes) == []
    assert labels(probes).count("each line computed, compared and patched") == 1
    alone = [label for label in labels(probes) if label.endswith(" alone") and " and " not in label]
    assert len(alone) == min(number, 2 * MOST_TRIED)
    assert len(port.asked) <= 2 * MOST_TRIED + 3


def test_several_lines_that_heal_only_together_are_found_among_those_wrong_by_themselves() -> None:
    """More lines are off than are tried one by one: those are asked that are off from right inputs."""
    between = [Line(f"v{n}", ("a", "b")) for n in range(MOST_TRIED)]
    end = Line("end", tuple(line.name for line in between))
    lines = [Line("a", wrong=0.5), Line("b", wrong=0.5), *between, end]
    probes, _ = probes_of(lines)
    assert [s.name for s in wrong(probes)] == ["loss:a", "loss:b"]
    assert [s.name for s in healing(probes)] == ["loss:a", "loss:b"]
    culprits = blamed(LinesPort(lines))
    assert (names(culprits), [c.confirmed for c in culprits]) == ([("a",), ("b",)], [True, True])


def test_too_many_lines_are_not_tried_together() -> None:
    """Neither is one alone: it was tried before."""
    probes, port = probes_of([A, B, C])
    assert several(probes, probes.lines.statements[:1]) == []
    assert several(probes, list(probes.lines.statements) * MOST_TRIED) == []
    assert len(port.asked) == 1


def test_where_the_forced_pass_fails_nothing_is_wrong_by_itself() -> None:
    """A crash accuses nobody."""
    probes, _ = probes_of([A, B, C], crashes=lambda intervention: len(intervention.patched) > 3)
    assert wrong(probes) == []


def test_a_proof_answers_the_question_that_the_verdict_is_about() -> None:
    """That of the target, or another one."""
    probes, _ = probes_of([A, B, C])
    other = dataclasses.replace(probes.question, quantity="wrong inputs of loss:c", measure=lambda _reading: 1.0)
    about = dataclasses.replace(probes, about=other)
    assert [(p.quantity, p.value) for p in (probes.proof("all", probes.free), about.proof("all", probes.free))] == [
        ("loss", 10.0), ("wrong inputs of loss:c", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "unclear"), [("mine", ["loss:mine"]), ("x", ["loss:x"])])
def test_what_the_reference_assigns_anew_is_out_of_date_under_any_name(name: str, unclear: list[str]) -> None:
    """The port may lack the statement that makes another value of it: who reads it is not wrong by itself."""
    ours = [A, Line("x", ("a",), at=2), Line("x#2", ("x", "x"), at=3), Line("end", ("x#2",))]
    port = LinesPort([A, Line(name, ("a",), at=2), Line("end", (name, "a"), wrong=0.5)], ours)
    case = port.case()
    probes = open_probes(case.question, look_at(port, case.capture, LAYERS), case.question.verdict)
    (end,) = (s for s in probes.lines.statements if s.name == "loss:end")
    assert [v.site for v in probes.unclear_before(end)] == unclear


def test_a_line_that_is_right_once_calls_are_given_makes_way_for_what_is_before_them() -> None:
    """So do the lines on the way that are right then; where none is left, the line itself stays."""
    ours = [A, Line("z", ("a", "a")), Line("w", ("z",))]
    port = LinesPort([A, Line("y", ("a",), wrong=0.5), Line("z", ("y",)), Line("w", ("z",))], ours)
    case = port.case()
    probes = open_probes(case.question, look_at(port, case.capture, LAYERS), case.question.verdict)
    last = probes.lines.statements[-1]
    right = Reading(watched={Site(f"loss:{name}"): Watched(output=(Comparison("", 0.0),)) for name in "azw"})
    given = dataclasses.replace(probes, free=right)
    line = line_before(probes, last, given)
    assert line is not None
    assert (line.place, line.unclear, line.reference.line) == ("port.py:2", (), 3)
    assert line_before(probes, last, probes) is None
    cleared = dataclasses.replace(probes, free=dataclasses.replace(right))
    assert line_before(cleared, last, given) is None


@pytest.mark.parametrize(
    ("output", "off"),
    [
        ((Comparison("", 5e-5),), False),
        ((Comparison("", 7e-5),), True),
        ((Comparison("", 1e-9, misplaced=2),), True),
        ((Comparison("0", 1e-9), Comparison("1", mismatch="shape [3], reference [4]")), True),
        ((Comparison("", float("nan")),), True),
        ((), False),
    ],
)
def test_a_variable_is_off_above_three_roundings_or_where_elements_are_wholly_wrong(
    output: tuple[Comparison, ...], off: bool
) -> None:
    """What is never assigned is off too."""
    assert is_off(Reading(watched={"loss:a": Watched(output=output)}), Site("loss:a")) == off
    assert is_off(Reading(), Site("loss:a"))
