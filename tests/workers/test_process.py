"""The parent's side of the wire, against workers that do not do as the protocol says."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted_worker import READY, scripted

from bisect_tool.errors import BisectError, ModelError, WorkerError
from bisect_tool.workers.failures import Program, hint_of_end, model_error, of_python
from bisect_tool.workers.process import Worker

STEP = {"targets": {"loss": 1.0}, "not_scalar": {}, "called": ["net"]}


@contextmanager
def worker_that(folder: Path, ready: Mapping[str, Any] = READY, **replies: list[Any]) -> Iterator[Worker]:
    """Start a worker that says what it is told to say."""
    seen: list[dict[str, Any]] = []
    worker = Worker(
        program=of_python(scripted(folder, ready, replies)), framework="torch", silence_limit=20, on_event=seen.append
    )
    worker.seen = seen  # type: ignore[attr-defined]
    try:
        yield worker
    finally:
        worker.close()


def test_another_version_is_refused(tmp_path: Path) -> None:
    """The version found and the one expected are said, before anything else is looked at."""
    with (
        worker_that(tmp_path, {"event": "ready", "protocol": 7}) as worker,
        pytest.raises(BisectError, match="the worker speaks version 7 of the protocol, expected 4") as failed,
    ):
        worker.ready()
    assert failed.value.hint == "see docs/protocol.md for what a worker has to say"


@pytest.mark.parametrize(
    ("ready", "wrong"),
    [
        ({"event": "ready", "version": "1"}, "protocol is missing; capabilities is missing"),
        ({**READY, "capabilities": "all"}, "capabilities is 'all', expected names"),
        ({**READY, "protocol": True}, "protocol is True, expected whole"),
        ({**READY, "colour": 1}, "colour is unknown"),
    ],
)
def test_a_ready_message_without_its_fields_is_refused(tmp_path: Path, ready: dict[str, Any], wrong: str) -> None:
    """Every field that is wrong is named in one line."""
    with worker_that(tmp_path, ready) as worker, pytest.raises(BisectError) as failed:
        worker.ready()
    assert str(failed.value).endswith(f"the event 'ready' is not as the protocol has it: {wrong}")
    assert not isinstance(failed.value, ModelError)


def test_what_is_not_announced_is_not_asked(tmp_path: Path) -> None:
    """The worker would answer, but is not asked; what it announces it is asked."""
    with worker_that(tmp_path, {**READY, "capabilities": ["step"]}, step=[{"ok": STEP}], survey=[{"ok": {}}]) as worker:
        worker.ready()
        with pytest.raises(ModelError, match="cannot answer 'survey': it announces step, but not 'survey'"):
            worker.ask("survey", patch=[])
        assert worker.ask("step") == STEP


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ({"targets": {}}, "not_scalar is missing"),
        (
            {"targets": [], "not_scalar": {}, "called": [], "more": 1},
            r"targets is \[\], expected object; more is unknown",
        ),
        ([1], r"the reply to 'step' is \[1\], expected object"),
        (None, "the reply to 'step' is None, expected object"),
    ],
)
def test_a_reply_that_is_not_as_declared_is_the_models_error(tmp_path: Path, reply: Any, wrong: str) -> None:
    """What is missing, unknown or of another type is named, and the worker lives on."""
    with worker_that(tmp_path, step=[{"ok": reply}], take_steps=[{"ok": {"groups": [], "after": {}}}]) as worker:
        worker.ready()
        with pytest.raises(ModelError, match=wrong):
            worker.ask("step")
        assert worker.ask("take_steps", patch=[], file="") == {"groups": [], "after": {}}


def test_a_capability_that_lies_is_the_models_error(tmp_path: Path) -> None:
    """A worker that does not know what it announced is told apart from one that died."""
    with worker_that(tmp_path, step=[{"ok": STEP}]) as worker:
        worker.ready()
        with pytest.raises(ModelError, match="survey failed: ProtocolError: unknown operation"):
            worker.ask("survey", patch=[])
        assert worker.ask("step") == STEP


@pytest.mark.parametrize("error", ["it broke", {"type": "ValueError"}, {"phase": 1}])
def test_an_error_without_its_fields_is_no_traceback(tmp_path: Path, error: Any) -> None:
    """Also where a worker fails in another way than it should, its error is one line."""
    with worker_that(tmp_path, step=[{"error": error}]) as worker:
        worker.ready()
        with pytest.raises(ModelError, match="the worker failed, and does not say how: the error is "):
            worker.ask("step")


def test_an_error_at_the_start_without_its_fields_is_no_traceback(tmp_path: Path) -> None:
    """The first message may be a failure, too."""
    with (
        worker_that(tmp_path, {"event": "ready", "error": {}}) as worker,
        pytest.raises(ModelError, match="phase is mis"),
    ):
        worker.ready()


def test_news_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """Only events as they are declared are handed on."""
    news = {"event": "recording", "sites": 1, "bytes": 2}
    wrong = [{"event": "recording", "sites": "many"}, {"event": "raining"}, {"event": ["ready"]}]
    with worker_that(tmp_path, step=[*wrong, news, {"ok": STEP}]) as worker:
        worker.ready()
        assert worker.ask("step") == STEP
        assert [event for event in worker.seen if event["event"] != "waiting"] == [news]  # type: ignore[attr-defined]


def test_what_is_no_reply_ends_the_worker(tmp_path: Path) -> None:
    """A message that is neither event, reply nor error leaves nothing to go on with."""
    with worker_that(tmp_path, step=[{"fine": True}]) as worker:
        worker.ready()
        with pytest.raises(WorkerError, match="something that is no reply"):
            worker.ask("step")


def test_a_worker_that_does_not_read_is_stopped(tmp_path: Path) -> None:
    """A request that is larger than the socket holds waits no longer than any other."""
    program = tmp_path / "deaf"
    said = json.dumps(READY) + "\n"
    program.write_text(
        f"#!{sys.executable}\nimport socket, sys, time\n"
        f"sock = socket.socket(fileno=int(sys.argv[-1]))\nsock.sendall({said.encode()!r})\ntime.sleep(100)\n"
    )
    program.chmod(0o755)
    worker = Worker(program=of_python(str(program)), framework="torch", silence_limit=1)
    worker.ready()
    with pytest.raises(WorkerError, match="no sign of life for 1 s during 'step'"):
        worker.ask("step", more="x" * 4_000_000)


def own_worker(folder: Path, *lines: str) -> Program:
    """Return a program of the user's own that runs some lines, with the socket as ``sock``."""
    start = ["import socket, sys, time", "sock = socket.socket(fileno=int(sys.argv[-1]))", *lines]
    (folder / "own.py").write_text("\n".join(start))
    return Program((sys.executable, str(folder / "own.py")), own=True)


SAYS = "say = lambda what: sock.sendall((json.dumps(what) + '\\n').encode())"
IS_READY = ["import json, os", SAYS, f"say({READY!r} | {{'pid': os.getpid()}})"]
ANSWERS = "sock.recv(100); "
CHATTERS = "[(print('at work', flush=True), time.sleep(0.05)) for _ in range(2000)]"
SAYS_IT_RUNS = "[(say({'event': 'running', 'site': 'net'}), time.sleep(0.05)) for _ in range(2000)]"


@pytest.mark.parametrize("child", ["time.sleep(100)", CHATTERS, SAYS_IT_RUNS])
def test_a_worker_that_ended_is_gone_whatever_its_child_does(tmp_path: Path, child: str) -> None:
    """A process that it forked holds its socket and its stdout: neither that nor what it prints or sends is life."""
    program = own_worker(tmp_path, *IS_READY, f"sock.recv(100)\nif os.fork(): os._exit(7)\n{child}")
    worker = Worker(program=program, framework="torch", silence_limit=60)
    worker.ready()
    with pytest.raises(WorkerError, match=r"the worker ended \(status 7\) during 'step'") as failed:
        worker.ask("step")
    assert (failed.value.exit_status, failed.value.killed) == (7, False)


def test_what_a_worker_said_before_it_ended_counts(tmp_path: Path) -> None:
    """An answer is an answer."""
    program = own_worker(tmp_path, *IS_READY, f"say({{'ok': {STEP!r}}})", "os._exit(7)")
    worker = Worker(program=program, framework="torch", silence_limit=60)
    worker.ready()
    assert worker.ask("step") == STEP
    with pytest.raises(WorkerError, match="status 7"):
        worker.ask("step")


@pytest.mark.parametrize(
    ("hangs", "life"),
    [
        (f"os.fork() or {CHATTERS}; time.sleep(100)", False),
        (f"{CHATTERS.replace('2000', '30')}; say({{'ok': {STEP!r}}})", True),
    ],
)
def test_what_a_child_prints_is_no_life(tmp_path: Path, hangs: str, life: bool) -> None:
    """What the worker prints itself is."""
    worker = Worker(program=own_worker(tmp_path, *IS_READY, ANSWERS + hangs), framework="torch", silence_limit=1)
    worker.ready()
    try:
        if life:
            assert worker.ask("step") == STEP
            return
        with pytest.raises(WorkerError, match="no sign of life for 1 s"):
            worker.ask("step")
    finally:
        worker.kill()


@pytest.mark.parametrize(
    ("lines", "said", "next_"),
    [
        (
            ["print('no such option')"],
            "ended (status 0) during 'start'; last output: no such option",
            "has to say `ready`",
        ),
        (["time.sleep(100)"], "gave no sign of life for 1 s during 'start'", "has to say `ready` on its socket first"),
        (
            ["sock.sendall(b'hello\\n')", "time.sleep(9)"],
            "answered 'start' with something that is no reply: 'hello'",
            "",
        ),
        (
            ['sock.sendall(b\'{"event": "ready", "protocol": 2}\\n\')', "time.sleep(9)"],
            "speaks version 2 of the protocol, expected 4",
            "see docs/protocol.md",
        ),
    ],
)
def test_a_command_that_is_no_worker_is_told(tmp_path: Path, lines: list[str], said: str, next_: str) -> None:
    """How it ended, or what it said, and what a worker says first."""
    worker = Worker(program=own_worker(tmp_path, *lines), framework="numpy", silence_limit=1)
    try:
        with pytest.raises(BisectError) as failed:
            worker.ready()
    finally:
        worker.kill()
    assert said in str(failed.value)
    assert next_ in failed.value.hint
    assert "interpreter" not in failed.value.hint
    assert "Python" not in failed.value.hint


def test_a_command_that_cannot_be_started_is_told() -> None:
    """Which setting names it."""
    with pytest.raises(BisectError, match="cannot start the command '/no/such/worker': No such file") as failed:
        Worker(program=Program(("/no/such/worker",), own=True), framework="numpy")
    assert failed.value.hint == "`command` of this model in recipe.toml names it: see that it is there and may be run"


@pytest.mark.parametrize("where", [None, "a.py:1"])
def test_a_backward_pass_that_raises_is_told_by_what_it_raised(where: str | None) -> None:
    """Who asked for it says that it was one: "pull" is our own word."""
    error = {"phase": "pull", "type": "ValueError", "message": "no", "where": where, "traceback": ""}
    assert str(model_error(error, "python", "")) == f"ValueError{f' at {where}' if where else ''}: no"
    assert str(model_error({**error, "type": "RecipeError"}, "python", "")) == "no"


def test_a_worker_that_is_killed_as_it_starts_is_short_of_memory() -> None:
    """It says nothing of the interpreter then, as it does where it ends by itself."""
    program = of_python("python3")
    assert "too much memory" in hint_of_end(-signal.SIGKILL, "start", program)
    assert "is the Python that this model needs" in hint_of_end(1, "start", program)
