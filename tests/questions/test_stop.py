"""A search ends when it must: its time is over, somebody interrupts it, or it would take more probes than it announced."""

from __future__ import annotations

import pytest
from answering import run_of

from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions import log, stop
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.stop import Stop, Stopped


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list whose only number is the time."""
    now = [100.0]
    monkeypatch.setattr(stop.time, "monotonic", lambda: now[0])
    return now


def asking(log_: ProbeLog, repeat: int) -> Reading:
    """Ask one probe that is told apart from others by a number."""
    return log_.run(
        run_of().port, Intervention(repeat=repeat), phase="ends", what="", patched=0, quantity="", value=lambda _r: None
    )


def test_a_search_without_a_limit_goes_on(clock: list[float]) -> None:
    """However long it takes."""
    free = Stop(began=clock[0])
    clock[0] += 1e9
    free.check()
    assert not free.why


def test_a_search_ends_once_its_time_is_over_and_stays_ended(clock: list[float]) -> None:
    """It says after how long, and always the same."""
    limited = Stop(60, began=clock[0])
    clock[0] += 59
    limited.check()
    clock[0] += 4
    for _ in range(2):
        with pytest.raises(Stopped, match=r"^stopped after 63 s$"):
            limited.check()
        clock[0] += 4
    assert limited.why == "stopped after 63 s"


def test_whoever_interrupts_is_named_before_the_clock(clock: list[float]) -> None:
    """Also where the time is over by then."""
    interrupted = Stop(60, lambda: True, began=clock[0])
    clock[0] += 70
    with pytest.raises(Stopped, match=r"^interrupted after 70 s$"):
        interrupted.check()


def test_nothing_is_asked_once_the_search_has_to_end() -> None:
    """But what was asked before is known."""
    wanted = [False]
    kept = ProbeLog(stop=Stop(interrupted=lambda: wanted[0]))
    first = asking(kept, 1)
    wanted[0] = True
    assert asking(kept, 1) is first
    with pytest.raises(Stopped):
        asking(kept, 2)
    assert len(kept.rows) == 1


def test_a_bound_is_told_kept_and_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts from where it was announced, and only probes that are run; one more ends the axis, not the search."""
    monkeypatch.setattr(log.ProbeLog, "_beyond", lambda _log, bound: Stopped(f"beyond {bound.at_most}"))
    told: list[int] = []
    bounded = ProbeLog(on_bound=told.append)
    asking(bounded, 1)
    bounded.announce(2)
    for repeat in (1, 2, 3, 2):
        asking(bounded, repeat)
    with pytest.raises(Stopped, match="beyond 2"):
        asking(bounded, 4)
    assert told == [2]
    assert [(bound.at_most, bound.took) for bound in bounded.bounds] == [(2, 2)]
    bounded.lift()
    asking(bounded, 5)
    assert not bounded.stop.why


def test_a_broken_bound_is_a_mistake_here() -> None:
    """In tests it is no open end."""
    bounded = ProbeLog()
    bounded.announce(0)
    with pytest.raises(AssertionError, match="more probes than were announced"):
        asking(bounded, 1)
