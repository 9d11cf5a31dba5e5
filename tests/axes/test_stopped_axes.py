"""An axis that is stopped in its middle hands over what it knows by then, and the report says that there may be more."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest
from simulated_case import BarePort, case_of

from bisect_tool.axes.axis import Answer, Axis, Case, ask, handing_over
from bisect_tool.culprit import Culprit, WrongCalls
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.stop import Stop, Stopped
from bisect_tool.report.answer import report_of
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site

ILL = Proof("everything before it patched", Verdict.DIVERGES, "loss", 2.0)
FOUND = WrongCalls(sites=(Site("a"),), necessary=ILL, felt=False)


class Plain(BarePort):
    """A port whose loss is right."""

    def run(self, _intervention: Intervention) -> Reading:
        """Run one probe."""
        return Reading({"loss": 1.0})


def case() -> Case:
    """Return a case whose search is to end from now on."""
    known = case_of(Plain(), trace=Trace((Site("a"),), {"a": None}, {}, {}, 2e-5, {}))
    known.log.stop = Stop(0)
    return known


def another_probe(case_: Case) -> None:
    """Ask what nobody asked before."""
    case_.question.run(case_.question.base.watching([Site("a")]), "search", "", patched=0)


def axis(search: Callable[[Case], Answer], name: str = "calls") -> Axis:
    """Return an axis that searches so."""
    return Axis(name, frozenset(), "nothing was judged", search)


def handing(*culprits: Culprit) -> Axis:
    """Return an axis that is stopped when it has found some culprits."""

    def search(case_: Case) -> Answer:
        with handing_over(lambda: Answer(culprits=culprits)):
            another_probe(case_)
        raise AssertionError

    return axis(search)


def test_an_axis_that_hands_nothing_over_leaves_an_open_end() -> None:
    """It says what the report lacks."""

    def search(case_: Case) -> Answer:
        another_probe(case_)
        return Answer(culprits=(FOUND,))

    asked = ask(axis(search), case())
    assert asked.answers["calls"] == Answer(open_ends=("stopped after 0 s: nothing was judged",))
    report = report_of(asked)
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)
    assert report.sentence == "Stopped after 0 s: no culprit was proved for loss by then."


def test_what_is_proved_stays_proved() -> None:
    """Exit code 1, and the headline says that there may be more."""
    report = report_of(ask(handing(FOUND), case()))
    assert (report.verdict, report.exit_code) == ("diverges", 1)
    assert report.sentence.startswith("The code of a is wrong: ")
    assert report.sentence.endswith(" Stopped after 0 s: there may be more.")
    assert report.open_ends == ("stopped after 0 s: what was found by then is said here, and there may be more",)


def test_what_is_not_proved_by_then_is_no_answer() -> None:
    """It is listed all the same."""
    unproved = dataclasses.replace(FOUND, necessary=None)
    report = report_of(ask(handing(unproved), case()))
    assert (report.exit_code, [c.confirmed for c in report.culprits]) == (3, [False])


def test_the_outermost_answer_counts() -> None:
    """It knows what the inner search found, and more."""

    def search(case_: Case) -> Answer:
        with handing_over(lambda: Answer(notes=("outer",))), handing_over(lambda: Answer(notes=("inner",))):
            another_probe(case_)
        raise AssertionError

    assert ask(axis(search), case()).answers["calls"].notes == ("outer",)


def test_axes_after_it_answer_as_far_as_they_need_no_probe() -> None:
    """What is known is known."""
    known = ask(handing(), case())
    known = ask(axis(lambda _case: Answer(notes=("said",)), "start"), known)
    known = ask(axis(lambda c: another_probe(c) or Answer(), "lines"), known)
    assert known.answers["start"] == Answer(notes=("said",))
    assert known.answers["lines"].open_ends == ("stopped after 0 s: nothing was judged",)


def test_an_axis_beyond_its_bound_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one may ask."""
    monkeypatch.setattr(ProbeLog, "_beyond", lambda _log, bound: Stopped(f"stopped after {bound.at_most} probes"))

    def search(case_: Case) -> Answer:
        case_.log.announce(0)
        another_probe(case_)
        raise AssertionError

    known = case()
    known.log.stop = Stop()
    known = ask(axis(search), known)
    known = ask(axis(lambda c: another_probe(c) or Answer(), "lines"), known)
    assert known.answers["lines"] == Answer()
    report = report_of(known)
    assert report.open_ends == ("stopped after 0 probes: nothing was judged",)
    assert (report.probes.bound, report.probes.bound_took) == (0, 0)
    assert re.match("No culprit could be proved for loss: stopped after 0 probes", report.sentence)
