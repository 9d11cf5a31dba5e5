"""The life of a port's worker: what it is told, and told again."""

from __future__ import annotations

from typing import Any

import pytest

from bisect_tool.errors import BisectError, InconclusiveError, ModelError, WorkerError
from bisect_tool.probes.link import MOST_RESTARTS, Link


class Told:
    """A worker that notes what it is told, and fails at some operations."""

    def __init__(self, fails: dict[str, Exception] | None = None) -> None:
        self.heard: list[str] = []
        self.fails = fails or {}
        self.killed = False

    def ask(self, operation: str, **request: Any) -> Any:
        """Note a request."""
        self.heard.append(operation)
        if operation in self.fails:
            raise self.fails[operation]
        return {"sum_error": 0.5} if operation == "attach" else request

    def kill(self) -> None:
        """Note the end."""
        self.killed = True


def link_of(first: Told, *later: Told) -> Link:
    """Return a link whose worker is followed by others."""
    left = iter(later)
    return Link(lambda: (next(left), None), first, {"folder": "x"})  # type: ignore[arg-type, return-value]


def test_a_worker_that_died_is_followed_by_one_that_is_told_the_same() -> None:
    """The values of the reference, and of variables, are attached anew; the failure is the caller's."""
    first, second = Told({"run": WorkerError("gone")}), Told()
    link = link_of(first, second)
    assert link.attach() == 0.5
    link.attach_variables({"net:x": {}})
    link.remember([], ["net"])
    with pytest.raises(WorkerError, match="gone"):
        link.ask("run")
    assert (first.killed, second.killed) == (True, False)
    assert second.heard == ["attach", "attach_variables"]
    link.remember([], ["net"])
    assert second.heard[-1] == "remember"


def test_what_is_remembered_is_not_asked_for_twice() -> None:
    """Only another set of calls is."""
    worker = Told()
    link = link_of(worker)
    for patch in (["a"], ["a"], ["b"]):
        link.remember(patch, ["net"])
    assert worker.heard == ["remember", "remember"]


def test_a_worker_that_cannot_answer_lives_on() -> None:
    """An error of the model starts nothing again, and variables that were not taken are not told again."""
    worker = Told({"attach_variables": ModelError("unknown operation")})
    link = link_of(worker)
    with pytest.raises(ModelError):
        link.attach_variables({"net:x": {}})
    link.attach()
    assert (worker.killed, worker.heard) == (False, ["attach_variables", "attach"])


def test_a_worker_that_dies_again_and_again_is_given_up() -> None:
    """Then there is no answer."""
    dying = [Told({"run": WorkerError("gone")}) for _ in range(MOST_RESTARTS + 1)]
    link = link_of(*dying)
    for _ in range(MOST_RESTARTS):
        with pytest.raises(WorkerError):
            link.ask("run")
    with pytest.raises(InconclusiveError, match="failed 4 times; last: gone"):
        link.ask("run")


KILLED = WorkerError("the worker was killed by SIGKILL", exit_status=-9)


def test_a_worker_that_is_killed_is_asked_once_more() -> None:
    """The one that follows is told all that the first was, what it had to remember too; the request is noted."""
    first, second = Told({"run": KILLED}), Told()
    link = link_of(first, second)
    link.attach_variables({"net:x": {}})
    link.remember(["a"], ["net"])
    assert link.ask("run", patch=["a"]) == {"patch": ["a"]}
    assert second.heard == ["attach", "attach_variables", "remember", "run"]
    assert link.killed == ["run"]
    link.remember(["a"], ["net"])
    assert second.heard[-1] == "run"


def test_a_worker_that_is_killed_twice_at_the_same_is_not_asked_a_third_time() -> None:
    """Then the failure is the answer; the next request goes to one that runs."""
    third = Told()
    link = link_of(Told({"run": KILLED}), Told({"run": KILLED}), third)
    with pytest.raises(WorkerError, match="SIGKILL"):
        link.ask("run")
    assert third.heard == ["attach"]
    link.ask("step")
    assert (third.heard, link.killed) == (["attach", "step"], ["run"])


def test_a_worker_that_is_killed_as_it_is_told_to_remember_is_told_so_once_more() -> None:
    """Nothing is remembered twice."""
    first, second = Told({"remember": KILLED}), Told()
    link = link_of(first, second)
    link.remember(["a"], ["net"])
    assert second.heard == ["attach", "remember"]


def test_a_worker_that_dies_as_it_is_told_the_same_again_is_followed_by_another() -> None:
    """Up to as many as may be started."""
    first, third = Told({"run": WorkerError("gone")}), Told()
    link = link_of(first, Told({"attach": WorkerError("gone again")}), third)
    with pytest.raises(WorkerError, match=r"gone$"):
        link.ask("run")
    assert (third.heard, link.worker) == (["attach"], third)


def test_a_worker_that_cannot_be_started_again_ends_the_search() -> None:
    """Without an answer, and with what kept it from starting."""

    def start() -> Any:
        raise BisectError("no memory", hint="buy some")

    link = Link(start, Told({"run": WorkerError("gone")}), {})  # type: ignore[arg-type]
    with pytest.raises(InconclusiveError, match="does not start again: no memory") as failed:
        link.ask("run")
    assert failed.value.hint == "buy some"


class Lively(Told):
    """A worker that shows life while it is asked."""

    on_life: Any = None

    def ask(self, operation: str, **request: Any) -> Any:
        """Show life, then answer."""
        self.on_life()
        return super().ask(operation, **request)


def test_what_is_raised_at_a_sign_of_life_ends_the_port() -> None:
    """Nobody waits for its answer any more: it is ended, and asked nothing after that."""
    told: list[str] = []

    class Enough(Exception):  # noqa: N818 - no error
        pass

    def check() -> None:
        told.append("alive")
        if len(told) > 3:
            raise Enough

    worker = Lively()
    link = link_of(worker)
    link.on_life = check
    assert link.ask("run") == {}
    assert told == ["alive", "alive"]  # before it is asked, and while it answers
    with pytest.raises(Enough):
        link.ask("run")
    assert (worker.killed, worker.heard) == (True, ["run"])
    with pytest.raises(Enough):
        link.ask("run")
    link.on_life = lambda: None
    with pytest.raises(BisectError, match="the port was closed"):
        link.ask("run")
