"""A port that raises is asked as far as it runs: what it compared counts, and no target of it ever agrees."""

from __future__ import annotations

import pytest
from answering import run_of

from bisect_tool.errors import InconclusiveError
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Failed, Reading, Watched
from bisect_tool.questions.ends import ends
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site

A, B = Site("a"), Site("b")
SEEN = {A: Watched(output=(Comparison("", 0.0),))}
ANYTHING = Interval(float("-inf"), float("inf"), 1.0, "made up")


def raised(where: str = "loss.py:3", *, calls: tuple[Site, ...] = (A,), seen: bool = True) -> Reading:
    """Return a reading of a run that raised."""
    return Reading(
        calls=tuple((call, ()) for call in calls),
        watched=dict(SEEN) if seen else {},
        failure=f"run failed at {where}: TypeError: no",
        failed=Failed("run", "TypeError", "no", where, "Traceback"),
        detail="Traceback",
    )


def test_a_port_that_raises_alike_is_deterministic() -> None:
    """Its own reading can be used, and has no targets; the log keeps why."""
    run = run_of(lambda _intervention: raised())
    own = ends(run)
    assert (own.failure, own.targets) == (None, {})
    assert run.log.crash is not None
    assert run.log.crash.words == "run failed at loss.py:3: TypeError: no"
    assert [(row.failure, row.verdict) for row in run.log.rows] == [(run.log.crash.words, None)] * 3


@pytest.mark.parametrize("other", [Reading({"loss": 1.0}), raised("loss.py:4"), Reading(failure="killed")])
@pytest.mark.parametrize("which", ["repeat", "echo"])
def test_one_that_raises_now_and_then_is_not(which: str, other: Reading) -> None:
    """Or elsewhere, or when it is merely probed."""
    run = run_of(lambda intervention: other if getattr(intervention, which) else raised())
    with pytest.raises(InconclusiveError):
        ends(run)


def asked(question: Question) -> Reading:
    return question.run(question.base.patching([A]).watching([A]), "forced", "", patched=1, verdict=question.verdict)


def test_a_port_that_raises_only_later_is_not_asked_so() -> None:
    """There a failure stays a failure: nothing that it compares counts."""
    run = run_of(lambda intervention: raised() if intervention.patched else Reading({"loss": 1.0}, calls=((A, ()),)))
    ends(run)
    question = Question("code", run.port, run.log, "loss", ANYTHING, Intervention())
    assert run.log.crash is None
    assert asked(question).failure == "run failed at loss.py:3: TypeError: no"


def test_a_target_never_agrees_in_a_run_that_raised() -> None:
    """Whatever interval it has."""
    run = run_of(lambda _intervention: raised())
    ends(run)
    question = Question("code", run.port, run.log, "loss", ANYTHING, Intervention())
    reading = asked(question)
    assert (reading.failure, dict(reading.watched)) == (None, SEEN)
    assert question.verdict(reading) is Verdict.UNRESOLVED


def test_a_run_that_compares_less_than_the_port_came_through_is_no_answer() -> None:
    """A call that was not compared would be cleared; one that the port never came to is none of them."""
    log = ProbeLog()
    log.ask_as_far_as_it_runs(Intervention(), raised())
    assert log.crash is not None
    watching = Intervention(watched=frozenset({A, B}))
    assert log.crash.usable(watching, raised()).failure is None
    assert log.crash.usable(watching, raised("elsewhere.py:1")).failure is None
    assert log.crash.usable(watching, raised(seen=False)).failure is not None
    assert log.crash.usable(Intervention(backward="whole"), raised()).failure is not None
    assert log.crash.usable(watching, Reading(failure="killed")).failure == "killed"
