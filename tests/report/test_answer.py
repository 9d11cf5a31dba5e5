"""What the axes answered becomes a report: every verdict, and what it rests on, without a process."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from answered_case import CALLS, HEALED, ILL, START, case, code, wrong_start

from bisect_tool.axes.axis import Answer
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.culprit import Line, WrongLine, WrongLoss
from bisect_tool.finding import Finding
from bisect_tool.report.answer import report_of
from bisect_tool.report.data import EXIT_CODES, Report
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import WrongBackward

NOT_ASKED = (
    "whether it starts the same was not asked: the capture has 0 other initialisations, 3 are needed "
    "(`bisect capture --seeds 8`)"
)


def test_an_agreeing_port_has_nothing_to_blame() -> None:
    """The calls and the loss are cleared, and what was not asked is said."""
    report = report_of(case())
    assert (report.verdict, report.exit_code, report.culprits) == ("agrees", 0, ())
    assert report.sentence == f"loss agrees: with the reference's weights the port computes the same; {NOT_ASKED}."
    assert report.ruled_out == (
        "all 3 module calls: from the reference's inputs and weights each gives the reference's output, to within rounding",
        "the code of step and of the loss: with the reference's weights loss agrees",
    )
    start, gradients = report.notes
    assert start == NOT_ASKED
    assert gradients == "gradients were not compared: `bisect capture --grads`, then `bisect run --target grad_norm`"


def test_an_agreeing_start_is_said() -> None:
    """Where the capture tells where a target may start, and the axis did not object."""
    report = report_of(case(start=START))
    assert report.sentence.endswith(", and with its own it starts within the reference's spread.")
    objected = report_of(case(start=START, start_answer=Answer(notes=("too rare to tell",))))
    assert "starts within" not in objected.sentence
    assert "too rare to tell" in objected.notes


def test_the_ranges_say_where_the_target_may_lie() -> None:
    """In both questions, each with the port's value; none without a target."""
    ranges = report_of(case(own=3.0, base=2.0, start=START)).questions
    assert (ranges["code"].value, ranges["code"].low, ranges["code"].high) == (2.0, 0.9, 1.1)
    assert (ranges["start"].value, ranges["start"].low, ranges["start"].origin) == (3.0, 0.5, "the spread")
    assert report_of(case(own=3.0)).questions["start"].origin is None
    assert report_of(case(target=None)).questions == {}


def test_a_proved_culprit_is_named_first() -> None:
    """The headline has who, under which weights, and both numbers; the target's value is the one that differs."""
    report = report_of(case(code("b"), own=3.0, base=2.0))
    assert (report.verdict, report.exit_code) == ("diverges", 1)
    assert report.sentence == "The code of b is wrong: with the reference's weights loss is 2, not 1."
    assert (report.reference, report.port) == (1.0, 2.0)
    (culprit,) = report.culprits
    assert (culprit.kind, culprit.confirmed, culprit.status) == ("code", True, "proved by two probes")
    assert culprit.sufficient is not None
    assert (culprit.sufficient.quantity, culprit.sufficient.value) == ("loss", 1.0)
    assert report.ruled_out[0].startswith("the other 2 module calls")
    assert report.ruled_out[-1].startswith("everything after b, as far as loss shows it: ")


def test_what_is_not_proved_is_not_in_the_headline() -> None:
    """It is listed below, as what it is."""
    report = report_of(case(code("b"), code("c", proved=False), base=2.0))
    assert report.verdict == "diverges"
    assert report.sentence.startswith("The code of b is wrong: ")
    assert [culprit.status for culprit in report.culprits] == ["proved by two probes", "not proved"]


def test_a_culprit_in_doubt_is_not_named() -> None:
    """The headline says what keeps the probes from proving it, and not what else is open."""
    doubted = code("b", doubts=("b.w could not be given",))
    report = report_of(case(doubted, base=2.0, start_answer=Answer(open_ends=("the start was not asked",))))
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)
    assert report.sentence == "No culprit could be proved for loss: b.w could not be given."
    assert report.open_ends == ("the start was not asked",)
    assert not report.culprits[0].confirmed


@pytest.mark.parametrize(
    ("target", "open_ends", "words"),
    [
        (
            "loss",
            (),
            "No culprit could be proved for loss: the probes that should prove it do not agree with each other.",
        ),
        ("loss", ("it crashed",), "No culprit could be proved for loss: it crashed."),
        (None, (), "No culprit could be proved: every call is right by itself, yet loss diverges; "),
    ],
)
def test_a_target_that_diverges_with_nobody_to_blame_is_inconclusive(
    target: str | None, open_ends: tuple[str, ...], words: str
) -> None:
    """Never is it said to agree."""
    report = report_of(case(base=2.0, target=target, start_answer=Answer(open_ends=open_ends)))
    assert (report.verdict, report.open_ends) == ("inconclusive", open_ends)
    assert report.sentence.startswith(words)
    assert not [words for words in report.ruled_out if words.startswith("the code of step")]


def test_an_open_end_alone_is_inconclusive() -> None:
    """Although the target agrees."""
    report = report_of(case(start_answer=Answer(open_ends=("it crashed",))))
    assert report.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("base", "words"),
    [(math.nan, "loss is nan, not 1"), (None, "with the reference's weights the port gives no loss")],
)
def test_a_target_without_a_number_diverges(base: float | None, words: str) -> None:
    """NaN, or a port that does not run with the reference's weights."""
    report = report_of(case(code("b"), base=base))
    assert words in report.sentence
    assert report.targets["loss"].port_with_reference_weights is base
    assert report_of(case(base=base)).verdict == "inconclusive"


def test_what_the_target_shows_comes_first() -> None:
    """A culprit that it does not show has a sentence of its own."""
    report = report_of(case(code("c", felt=False, unfelt=True), code("a"), base=2.0))
    assert report.sentence == (
        "The code of a is wrong: with the reference's weights loss is 2, not 1. The code of c is wrong, though loss does not "
        "show it: the reference's inputs and weights give another output."
    )
    assert [culprit.felt for culprit in report.culprits] == [False, True]


def test_of_a_target_that_was_not_asked_nothing_is_said() -> None:
    """Whether it shows a culprit is not known: the port gives none, or the code of step is wrong too."""
    report = report_of(case(code("c", felt=False), base=None))
    assert report.sentence == "The code of c is wrong: the reference's inputs and weights give another output."


def test_a_wrong_start_shows_with_the_ports_own_weights() -> None:
    """The target's value is the one at the start, and the other tensors are cleared."""
    report = report_of(case(own=3.0, start=START, start_answer=Answer(culprits=(wrong_start("a.w", "b.w"),))))
    assert report.sentence == (
        "The initial values of a.w and b.w are wrong: with the port's own weights loss starts at 3, not 1."
    )
    assert (report.port, report.culprits[0].kind) == (3.0, "values")
    assert "with the reference's values of these 2 alone" in report.ruled_out[-1]
    assert not [note for note in report.notes if "gradients" in note]  # they come after the start is mended


def test_a_wrong_loss_does_not_clear_the_loss() -> None:
    """Whatever other target agrees; the lines stand in the headline and in the culprit."""
    line = Line(None, Excerpt(file="port.py", line=3, first=2, text=("a", "b", "c")), ("port.py:2",))
    loss = WrongLoss(sites=(Site("step"),), necessary=ILL, line=line)
    report = report_of(case(loss, base=2.0))
    assert report.sentence.startswith("The loss code after the last layer (lines 2 and 3 of port.py) is wrong: ")
    assert report.culprits[0].status == "proved"
    assert report.culprits[0].line is not None
    assert report.culprits[0].line.unclear == ("port.py:2",)
    assert report.ruled_out[0].startswith("all 3 module calls")
    assert not [words for words in report.ruled_out if words.startswith(("everything after", "the code of step"))]


def test_a_wrong_line_is_named_with_what_is_unclear() -> None:
    """What it rests on is said with it."""
    line = Line(None, Excerpt(file="port.py", line=3, first=3, text=("x = y",)), ("port.py:1",))
    blamed = WrongLine(sites=(Site("step:x#2"),), sufficient=HEALED, necessary=ILL, line=line)
    report = report_of(case(blamed, base=2.0))
    assert report.sentence == (
        "Line 3 of port.py, which computes step:x, or one that could not be ruled out (line 1 of port.py), is wrong: "
        "with the reference's weights loss is 2, not 1."
    )


def test_without_a_target_every_call_is_judged() -> None:
    """All agree, and the start is said not to have been asked."""
    report = report_of(case(target=None))
    assert report.sentence == (
        f"Every module call agrees by itself, from the reference's inputs and weights, and so does loss; {NOT_ASKED}."
    )
    assert (report.target, report.reference, report.port) == (None, None, None)
    assert report.notes[0] == NOT_ASKED
    asked = report_of(case(target=None, start=START)).sentence
    assert asked.endswith("so does loss; with its own weights loss starts within the reference's spread.")


def test_without_a_target_a_wrong_start_has_the_numbers_of_the_target_that_shows_it() -> None:
    """One was asked all the same."""
    report = report_of(case(own=3.0, target=None, start=START, start_answer=Answer(culprits=(wrong_start("a.w"),))))
    assert report.sentence == "The initial value of a.w is wrong: with the port's own weights loss starts at 3, not 1."


def test_without_a_target_a_culprit_has_no_numbers() -> None:
    """It is wrong by itself, on the way forward or back."""
    backward = WrongBackward(sites=(Site("c"),), sufficient=HEALED, necessary=ILL)
    gradients = GradientAnswer(culprits=(backward,), pulled=CALLS[:1])
    report = report_of(case(code("b"), target=None, gradients=gradients))
    assert report.gradients is None  # no whole pass: there are no norms to show
    assert report.sentence == (
        "The code of b is wrong: the reference's inputs and weights give another output. "
        "The backward pass of c is wrong: the reference's values and gradients give other gradients."
    )
    assert report.ruled_out[1].startswith("the backward pass of the other module call: ")


def test_notes_come_from_all_who_have_some() -> None:
    """What axes note, and what the port failed at."""
    known = case(lines=Answer(notes=("lines were skipped",)))
    known.port.asides.unanswered["values"] = "out of memory"
    report = report_of(known)
    assert report.notes[2:] == (
        "lines were skipped",
        "what the culprits compute was not looked at: out of memory",
    )


def test_findings_and_initial_values_are_kept() -> None:
    """Check, sites and words of each."""
    found = Finding("output", (Site("b"),), "off by 3.2 %")
    initial = Finding("initialisation", (Site("a.w"),), "starts as a constant")
    report = report_of(replace(case(code("b", findings=(found,)), base=2.0), initial=(initial,)))
    assert [f.model_dump() for f in report.culprits[0].findings] == [
        {"check": "output", "sites": ("b",), "message": "off by 3.2 %"}
    ]
    assert "starts as a constant" in [finding.message for finding in report.preflight]


def test_probes_are_counted_with_what_they_cost() -> None:
    """A probe that only observes has a value and no verdict."""
    known = case(base=2.0)
    known.question.run(known.question.base.patching(["a"]), "control", "own values", patched=1)
    known.question.ask("forced", "up to b", ["a", "b"])
    probes = report_of(known).probes
    assert [(row.phase, row.quantity, row.value, row.verdict) for row in probes.log] == [
        ("split", "loss", 2.0, "diverges"),
        ("control", "loss", 2.0, None),
        ("forced", "loss", 2.0, "diverges"),
    ]
    assert (probes.count, probes.search, probes.values, probes.passes) == (3, 1, 0, 3.0)


def test_every_verdict_has_an_exit_code() -> None:
    """And a report that is saved has one of these verdicts."""
    assert set(EXIT_CODES) == set(Report.model_fields["verdict"].annotation.__args__)


def test_gradients_that_a_stopped_search_did_not_reach_are_asked_by_the_same_command() -> None:
    """Where nothing was asked about but them, and the capture has some."""
    stopped = case(target=None)
    stopped.log.stop.why = "interrupted after 3 s"
    object.__setattr__(stopped.capture, "manifest", stopped.capture.manifest.model_copy(update={"gradients": object()}))
    said = report_of(stopped).notes
    assert "gradients were not compared by then: run the same command again, and it goes on from there" in said
