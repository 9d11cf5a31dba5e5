"""The real command line and real torch workers, forked from a process that has imported what they import.

``import torch`` and what an optimizer of it imports take longer than most commands of the tests. Here a command is a process of
its own all the same, with its own environment, folder and streams, and so is each of its workers; only the imports are shared.
What is tested of starting, of the environment and of signals starts ``python -m bisect_tool`` itself.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import importlib
import io
import json
import os
import random
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
WORKER = ROOT / "bisect_tool" / "worker"
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OMP_")  # what an interpreter, or a library that is imported, reads once
SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER
HIGH = 1000  # descriptors from here on are out of the way of those that are handed over
LONGEST = 1 << 17  # bytes of a request
_starting = threading.Lock()
_server: tuple[subprocess.Popen[bytes], socket.socket] | None = None


def run(words: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run ``python -m bisect_tool WORDS`` in a fork and return what it printed and how it ended.

    Raises subprocess.TimeoutExpired, with the command ended.
    """
    answered, answers = socket.socketpair()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, answered:
        with answers:
            request = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)})
            socket.send_fds(_asked(), [request.encode()], [out.fileno(), err.fileno(), answers.fileno()])
        answered.settimeout(timeout)
        try:
            code = int(answered.recv(64))
        except TimeoutError as error:
            _stop()
            raise subprocess.TimeoutExpired(list(words), timeout) from error
        printed = [stream.read().decode(errors="replace") for stream in (out, err) if stream.seek(0) == 0]
    return subprocess.CompletedProcess(list(words), code, *printed)


def takes(env: Mapping[str, str]) -> bool:
    """Tell whether a command with this environment may be forked: not if it says how an interpreter is to start."""
    return not any(name.startswith(AT_START) for name in _changed(env, os.environ) - {"PYTHONPATH", "OMP_NUM_THREADS"})


def _changed(env: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    """Return the names of what two environments say otherwise."""
    return {name for name in {*env, *other} if env.get(name) != other.get(name)}


def _asked() -> socket.socket:
    """Return the server of this process; start it where there is none."""
    global _server  # noqa: PLW0603 - one a process
    with _starting:
        if _server is None:
            ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            words = [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno())]
            env = {**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
            _server = subprocess.Popen(words, env=env, pass_fds=[theirs.fileno()], start_new_session=True), ours
            theirs.close()
            atexit.register(_stop)
    return _server[1]


def _stop() -> None:
    global _server  # noqa: PLW0603
    with _starting:
        if _server is not None:
            os.killpg(_server[0].pid, signal.SIGKILL)
            _server[0].wait()
            _server[1].close()
            atexit.unregister(_stop)
        _server = None


# In the server.


def _serve(asked: socket.socket) -> None:
    """Fork a command for each request, and answer with how it ended. Ends with the process that started it."""
    waiting = selectors.DefaultSelector()
    waiting.register(asked, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is asked:
                message, handed, _, _ = socket.recv_fds(asked, LONGEST, 3)
                if not message:
                    return
                out, err, answers = handed
                child = _fork(lambda m=message, out=out, err=err: _command(json.loads(m), out, err))
                os.close(out)
                os.close(err)
                waiting.register(os.pidfd_open(child), selectors.EVENT_READ, (child, answers))
            else:
                child, answers = key.data
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                with suppress(OSError):
                    os.write(answers, str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
                os.close(answers)


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001 - as an interpreter ends
        import traceback

        traceback.print_exc()
    os._exit(70)


def _command(request: Mapping[str, Any], out: int, err: int) -> None:
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    _fork(lambda: _fork_workers(theirs))
    nothing = os.open(os.devnull, os.O_RDONLY)
    _become({0: nothing, 1: out, 2: err}, kept=[ours.fileno()], env=request["env"], cwd=request["cwd"])
    subprocess.Popen = _starter(ours)  # type: ignore[assignment, misc]
    sys.argv = [str(ROOT / "bisect_tool" / "__main__.py"), *request["words"]]
    import bisect_tool.__main__

    _ended_as(bisect_tool.__main__.main)


def _become(streams: Mapping[int, int], kept: Sequence[int], env: Mapping[str, str], cwd: str | None) -> None:
    """Give this process its descriptors, environment, folder and streams, and close all others."""
    high = {number: fcntl.fcntl(given, fcntl.F_DUPFD, HIGH) for number, given in streams.items()}
    for number, given in high.items():
        os.dup2(given, number)
    _close_all_but({*streams, *kept})
    os.environ.clear()
    os.environ.update(env)
    if cwd is not None:
        os.chdir(cwd)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process lives
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8", errors=errors, write_through=True)  # type: ignore[type-var]
        for number, errors in ((1, "strict"), (2, "backslashreplace"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    random.seed()
    sys.modules["numpy"].random.seed()


def _close_all_but(kept: set[int]) -> None:
    low = 0
    for number in (*sorted(kept), 2 * HIGH):
        if low < number:  # an empty range would be taken for one without an end
            os.closerange(low, number)
        low = number + 1


def _ended_as(work: Callable[[], Any]) -> NoReturn:
    """Do what an interpreter does at the end of a program."""
    code = 0
    try:
        work()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - it is printed, as an interpreter does
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


# In a command.


def _starter(to_fork: socket.socket) -> Callable[..., Any]:
    real, own = subprocess.Popen, dict(os.environ)

    def start(words: Sequence[str], **given: Any) -> Any:
        env = given.get("env") or {}
        plain = _changed(env, own) <= {"PYTHONHASHSEED", "OMP_NUM_THREADS"}
        starts = list(words[:3]) == [sys.executable, "-u", str(WORKER)] and "jittor" not in words
        if not starts or not plain or env.get("PYTHONHASHSEED") != "0" or env.get("OMP_NUM_THREADS") != "1":
            return real(words, **given)
        return _Forked(to_fork, words, env, given["cwd"], given["pass_fds"])

    return start


class _Forked:
    """A worker's process as subprocess.Popen has it."""

    def __init__(
        self,
        to_fork: socket.socket,
        words: Sequence[str],
        env: Mapping[str, str],
        cwd: str | None,
        handed: Sequence[int],
    ) -> None:
        self.args = words
        self.returncode: int | None = None
        if cwd is not None:
            os.stat(cwd)
        reads, writes = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        request = {"words": list(words[3:]), "env": dict(env), "cwd": cwd, "numbers": [0, 1, 2, *handed]}
        socket.send_fds(to_fork, [json.dumps(request).encode()], [nothing, writes, writes, *handed])
        self.pid = int(to_fork.recv(64))
        os.close(writes)
        os.close(nothing)
        self.stdout = os.fdopen(reads, "rb")

    def poll(self) -> int | None:
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if found else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.poll() is None:
            watched = os.pidfd_open(self.pid)
            try:
                with selectors.DefaultSelector() as waiting:
                    waiting.register(watched, selectors.EVENT_READ)
                    if not waiting.select(timeout):
                        raise subprocess.TimeoutExpired(self.args, timeout or 0)
            finally:
                os.close(watched)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


# In a process that forks a command's workers: the command itself has threads by then.


def _fork_workers(asked: socket.socket) -> None:
    _close_all_but({0, 1, 2, asked.fileno()})
    for name in [name for name in sys.modules if name.partition(".")[0] in {"bisect_tool", "__mp_main__"}]:
        del sys.modules[name]
    while True:
        message, handed, _, _ = socket.recv_fds(asked, LONGEST, 16)
        if not message:
            os._exit(0)

        told, tells = os.pipe()

        def between(request: Any = message, handed: Sequence[int] = handed, tells: int = tells) -> None:
            os.write(tells, str(_fork(lambda: _worker(json.loads(request), handed))).encode())
            os._exit(0)

        os.waitpid(_fork(between), 0)  # from here on the worker is a child of the command, the subreaper
        asked.send(os.read(told, 64))
        for number in (told, tells, *handed):
            os.close(number)


def _worker(request: Mapping[str, Any], handed: Sequence[int]) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    _become(dict(zip(request["numbers"], handed, strict=True)), [], request["env"], request["cwd"])
    folders = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*folders, *sys.path[1 + len(folders) :]]
    sys.argv = [str(WORKER), *request["words"]]
    _ended_as(lambda: runpy.run_path(str(WORKER), run_name="__main__"))


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    for name in ("numpy", "torch._dynamo", "bisect_tool.__main__", "bisect_tool.cli.app"):
        importlib.import_module(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
