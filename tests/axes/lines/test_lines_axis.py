"""The axis of lines against a simulated port: which line it names, with which proofs, and that it accuses no other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from simulated_lines import LOSS, NET, Line, LinesPort, blamed, computed, names, right

from bisect_tool.axes.axis import Answer, ask
from bisect_tool.axes.lines.search import LINES
from bisect_tool.culprit import WrongCaller, WrongCalls, WrongLine
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP

A, B, C, D = Line("a"), Line("b", ("a",)), Line("c", ("a", "b")), Line("d", ("c",))
# The same written otherwise: what the port has in two variables, one of them wrong, has no counterpart.
SPLIT = [A, Line("one", ("a",), wrong=0.2), Line("two", ("a",)), Line("c", ("one", "two"))]
WHOLE = [A, Line("other", ("a", "a")), Line("c", ("a", "other"))]
MANY = settings(deadline=None, max_examples=60)


def wrong(line: Line, by: float = 0.5) -> Line:
    """The line, computed wrongly."""
    return replace(line, wrong=by)


def findings(culprit: object, check: str) -> list[str]:
    """What a culprit's findings of one kind say."""
    return [finding.message for finding in culprit.findings if finding.check == check]


def test_one_wrong_line_is_named_with_both_proofs() -> None:
    """Patched alone it heals; with all before it right it does not, and the proofs hold the target's values."""
    (culprit,) = blamed(LinesPort([A, wrong(B), C, D]))
    assert (type(culprit), culprit.sites, culprit.confirmed) == (WrongLine, ("loss:b",), True)
    assert culprit.sufficient == Proof("loss:b patched, beside every layer", Verdict.AGREES, "loss", 10.0)
    assert culprit.necessary == Proof(
        "1 assignment before loss:b patched, beside every layer", Verdict.DIVERGES, "loss", 12.0
    )
    assert (culprit.line.place, culprit.line.reference.file, culprit.line.unclear) == ("port.py:2", "ref.py", ())
    assert findings(culprit, "line") == ["port.py:2 (reference ref.py:2): loss:b is 3, not 2"]


def test_a_line_is_named_together_with_what_it_reads_that_nothing_clears() -> None:
    """What the port alone assigns on the way may be the mistake as well as the line that reads it."""
    assert computed(right(SPLIT))["c"] == computed(WHOLE)["c"]
    (culprit,) = blamed(LinesPort(SPLIT, WHOLE))
    assert (names([culprit]), culprit.confirmed) == ([("c",)], True)
    assert culprit.line.unclear == ("port.py:2", "port.py:3")
    (said,) = findings(culprit, "reads")
    assert said == "inputs of loss:c that could not be checked: loss:one (port.py:2) and loss:two (port.py:3)"


def test_a_line_that_reads_what_is_wrong_is_not_accused_for_it() -> None:
    """Patched alone it heals too, and it is right once what is before it is."""
    two = [A, wrong(B), wrong(Line("x", ("a",))), Line("both", ("b", "x")), Line("end", ("both",))]
    culprits = blamed(LinesPort(two))
    assert (names(culprits), [c.confirmed for c in culprits]) == ([("b",), ("x",)], [True, True])


@pytest.mark.parametrize("place", [1, 2])
def test_a_name_that_means_something_else_is_never_blamed(place: int) -> None:
    """It is off on both sides of a fault, and patching it breaks what reads it."""
    lines = [A, B, C, D]
    lines[place] = replace(lines[place], negative=True)
    lines[0] = wrong(lines[0])
    culprits = blamed(LinesPort(lines))
    assert (names(culprits), culprits[0].confirmed) == ([("a",)], True)


def test_of_two_faults_the_one_that_hides_the_other_is_named_with_it() -> None:
    """All that the first gets wrong passes through the second: the target cannot tell, and both lines are listed."""
    (culprit,) = blamed(LinesPort([wrong(A), wrong(B), Line("end", ("b",))]))
    assert (names([culprit]), culprit.confirmed) == ([("b",)], True)
    assert culprit.line.unclear == ("port.py:1",)


def test_what_the_line_of_the_target_reads_is_proved_by_what_that_line_reads() -> None:
    """The target shows only its own line, so the proof of the other one holds how many of its inputs are off."""
    first, last = blamed(LinesPort([wrong(A), B, wrong(C)]))
    assert (names([first, last]), first.confirmed, last.confirmed) == ([("a",), ("c",)], True, True)
    about = "wrong inputs of loss:c"
    assert first.sufficient == Proof("loss:a patched, beside every layer", Verdict.AGREES, about, 0)
    assert first.necessary.verdict is Verdict.DIVERGES
    assert (first.necessary.quantity, first.necessary.value) == (about, 1)
    assert (last.sufficient.quantity, last.sufficient.value) == ("loss", 8.0)


def test_assignments_of_one_line_in_a_loop_are_one_culprit() -> None:
    """Each turn assigns the same variable at the same line."""
    turns = [
        Line("x", at=2), Line("part", ("x",), at=3, wrong=0.5),
        Line("x#2", at=2), Line("part#2", ("x#2",), at=3, wrong=0.5),
        Line("end", ("part", "part#2"), at=4),
    ]  # fmt: skip
    (culprit,) = blamed(LinesPort(turns))
    assert (names([culprit]), culprit.confirmed) == ([("part", "part#2")], True)
    assert findings(culprit, "line")[0].endswith("is 3, not 2, and 1 other assignment there")


def test_a_line_of_another_name_is_known_by_the_values_around_it() -> None:
    """What it was taken for, and why, stands beside the line."""
    (culprit,) = blamed(LinesPort([A, wrong(Line("mine", ("a",))), Line("c", ("a", "mine"))], [A, B, C]))
    assert names([culprit]) == [("b",)]
    assert findings(culprit, "name") == ["the port's loss:mine is taken for loss:b, by size and order"]


def test_where_nothing_can_be_proved_the_code_after_the_last_layer_stays_blamed() -> None:
    """With what was seen: the first variable that differs."""
    lines = [A, Line("b", ("a",), negative=True, wrong=0.5), Line("c", ("b",), negative=True)]
    (culprit,) = blamed(LinesPort(lines))
    assert (type(culprit), culprit.sites, culprit.line) == (type(LOSS), LOSS.sites, None)
    assert findings(culprit, "line") == [
        "the first variable that differs is loss:b: it is off by 250.00 %; no line could be proved to be the cause"
    ]


def test_code_that_shows_at_other_weights_only_stays_blamed() -> None:
    """No variable was recorded there: nothing can be said of its lines, and nothing takes back what was proved."""
    assert blamed(LinesPort([A, B, C, D])) == (LOSS,)


def test_a_target_s_own_line_is_no_answer_where_its_inputs_cannot_be_compared() -> None:
    """Patching it proves nothing but that it is the target: the code stays blamed, at these lines."""
    (culprit,) = blamed(LinesPort(SPLIT, WHOLE, factor=1.0))
    assert (type(culprit), culprit.sites) == (type(LOSS), LOSS.sites)
    assert culprit.line.places == ["port.py:2", "port.py:3", "port.py:4"]


@pytest.mark.parametrize(
    "culprit", [WrongCalls(sites=(NET,)), WrongCaller(sites=(NET,), feeds=(NET,))], ids=["gives", "hands on"]
)
def test_a_module_s_own_code_has_a_line_too(culprit: WrongCalls | WrongCaller) -> None:
    """The module stays the culprit; the line comes on top, and the call's own output or inputs show whether it heals."""
    (found,) = blamed(LinesPort([A, wrong(B), C], around=NET), culprit)
    assert (type(found), found.sites) == (type(culprit), (NET,))
    assert found.line.place == "port.py:2"
    assert findings(found, "line") == ["port.py:2 (reference ref.py:2): net:b is 3, not 2"]


def test_what_step_hands_to_a_layer_has_a_line() -> None:
    """Its code is not in a module; the layer's inputs show it."""
    culprit = WrongCaller(sites=(STEP,), feeds=(NET,))
    (found,) = blamed(LinesPort([A, wrong(B), C]), culprit)
    assert (found.sites, found.line.place) == ((STEP,), "port.py:2")


def test_a_module_whose_line_cannot_be_proved_stays_as_it_was() -> None:
    """The mistake is in a variable that means something else."""
    lines = [A, Line("b", ("a",), negative=True, wrong=0.5), Line("c", ("b",), negative=True)]
    culprit = WrongCalls(sites=(NET,))
    assert blamed(LinesPort(lines, around=NET), culprit) == (culprit,)


def test_a_probe_that_crashes_proves_nothing() -> None:
    """Where the right line cannot be patched, the next one that heals is named with it; where all crash, none is."""
    lines = [A, wrong(B), Line("end", ("b",)), Line("after", ("end",))]
    some = LinesPort(lines, crashes=lambda intervention: "loss:b" in intervention.patched)
    (culprit,) = blamed(some)
    assert (names([culprit]), culprit.line.unclear) == ([("end",)], ("port.py:2",))
    free = LinesPort(lines, crashes=lambda intervention: any(":" in site for site in intervention.watched))
    assert blamed(free)[0].sites == LOSS.sites


def test_only_culprits_of_watched_code_are_looked_at() -> None:
    """Neither one in doubt, nor a module whose own code assigns nothing."""
    doubted = replace(LOSS, doubts=("a layer could not be patched",))
    assert LINES.search(LinesPort([A, wrong(B)]).case(doubted)).sharper == {}
    assert LINES.search(LinesPort([A, wrong(B)]).case(WrongCalls(sites=(NET,)))).sharper == {}


def test_a_worker_that_cannot_survey_is_not_asked() -> None:
    """The report says what it lacks."""
    port = LinesPort([A, wrong(B)])
    port.capabilities = frozenset({"run", "values"})
    case = ask(LINES, port.case())
    assert case.answers["lines"] == Answer(
        notes=("lines of code were not looked for: the port's worker does not announce survey",)
    )
    assert not port.attached


def test_a_worker_that_hands_over_no_values_hides_no_line() -> None:
    """How far the line is off is said all the same."""
    port = LinesPort([A, wrong(B)])
    port.values = lambda _intervention, _sites: {}
    assert findings(blamed(port)[0], "line") == ["port.py:2 (reference ref.py:2): loss:b is off by 50.00 %"]


@st.composite
def programs(draw: st.DrawFn) -> list[Line]:
    """Draw a right program of a few lines, each of which reads some of those before; no two have the same value."""
    lines = [Line("v0", plus=math.sqrt(2))]
    for number, prime in enumerate([3, 5, 7, 11, 13, 17, 19][: draw(st.integers(1, 7))], 1):
        read = draw(st.lists(st.integers(0, number - 1), min_size=1, max_size=3, unique=True))
        lines.append(Line(f"v{number}", tuple(f"v{other}" for other in sorted(read)), plus=math.sqrt(prime)))
    return lines


def feels(port: LinesPort) -> bool:
    """Tell whether the target feels what is wrong."""
    last = port.lines[-1]
    return abs(computed(port.lines)[last.name]) > 1.001 * port.expected[port.reference[-1].name]


@MANY
@given(programs(), st.data())
def test_a_single_fault_among_lines_that_both_sides_have_is_named_exactly(
    lines: list[Line], data: st.DataObject
) -> None:
    """One fault anywhere gives one culprit, proved by both probes."""
    at = data.draw(st.integers(0, len(lines) - 1))
    port = LinesPort([wrong(line) if number == at else line for number, line in enumerate(lines)])
    assume(feels(port))
    culprits = blamed(port)
    assert (names(culprits), [c.confirmed for c in culprits]) == ([(f"v{at}",)], [True])


@MANY
@given(programs(), st.data())
def test_what_is_blamed_is_wrong_or_rests_on_what_is(lines: list[Line], data: st.DataObject) -> None:
    """With several faults, other meanings and other names: a line that is right is named with the wrong one before it."""
    place = st.integers(0, len(lines) - 1)
    some = st.lists(place, max_size=2, unique=True)
    faults = data.draw(st.lists(place, min_size=1, max_size=2, unique=True))
    negative, renamed = data.draw(some), data.draw(some)
    own = {f"v{n}": f"mine{n}" for n in renamed}
    theirs = [
        replace(
            line,
            name=own.get(line.name, line.name),
            reads=tuple(own.get(name, name) for name in line.reads),
            wrong=0.5 if number in faults else 0.0,
            negative=number in negative,
        )
        for number, line in enumerate(lines)
    ]
    port = LinesPort(theirs, lines)
    assume(feels(port))
    wrong_places = {f"port.py:{number + 1}" for number in faults}
    for culprit in blamed(port):
        assert culprit.sites == LOSS.sites or wrong_places & set(culprit.line.places)
