"""One worker process: started with the model's own interpreter, asked over a socket, killed when it hangs."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from bisect_tool.errors import BisectError, ModelError, WorkerError
from bisect_tool.frameworks import known_framework
from bisect_tool.worker import protocol
from bisect_tool.workers.failures import SCRIPT, Program, hint_of_end, how_it_ended, last_words, model_error
from bisect_tool.workers.life import Life

KEPT_LINES = 200
LONGEST_LINE = 2000  # bytes of one printed line that are kept: a model may print megabytes without a newline
LONGEST_REPLY = 256 << 20  # bytes
LONGEST_REST = 2.0  # seconds in which is read what a process sent before it ended
Event = Callable[[dict[str, Any]], None]


class Worker:
    """A model's process. ``ask`` sends one request and waits for its reply.

    Attributes:
        silence_limit: seconds without any sign of life (reply, event or output of its own) after which it is killed.
        capabilities: what it says that it can do, once it is ready; see ``worker.protocol``.
        on_life: called at every sign of life, and twice a second without one; what it raises comes out of ``ask``.

    """

    def __init__(
        self,
        *,
        program: Program,
        framework: str,
        path: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        silence_limit: float = 300.0,
        on_event: Event | None = None,
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        self.silence_limit = silence_limit
        self.capabilities: frozenset[str] = frozenset()
        self.on_life: Callable[[], None] = lambda: None
        kernels = known_framework(framework).kernels
        self._kernel_hint = f"; if it happens again: {kernels.damaged}" if kernels else ""
        self._on_event = on_event or (lambda _event: None)
        self._on_output = on_output or (lambda _line: None)
        self._tail: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._life = Life()
        self._ended_at: float | None = None  # when its process was found to be gone
        self._buffer = bytearray()
        self._program = program
        self._python = "" if program.own else program.name
        arguments = ["--framework", framework, *(word for entry in path for word in ("--path", entry))]
        self._process, self._socket, self._pipe = _launched(program, arguments, {**os.environ, **(env or {})}, cwd)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def ready(self) -> None:
        """Wait until the framework is imported, and take what the worker can do.

        Raises ModelError when the framework cannot be imported, BisectError for a worker that speaks otherwise.
        """
        while (message := self._receive("start")).get("event") != "ready":
            self._take_event(message)
        if "error" in message:
            raise model_error(message["error"], self._python, self.tail())
        hint = "see docs/protocol.md for what a worker has to say"
        version = message.get("protocol")
        if type(version) is int and version != protocol.VERSION:  # anything but a number is said below
            found = f"the worker speaks version {version} of the protocol, expected {protocol.VERSION}"
            raise BisectError(found, hint=hint)
        try:
            protocol.check_event(message)
        except protocol.ProtocolError as error:
            raise BisectError(f"the worker did not start as it should: {error}", hint=hint) from error
        self.capabilities = frozenset(message["capabilities"])
        self._life.pid = message.get("pid")

    def ask(self, operation: str, **request: Any) -> Any:
        """Send a request and return the reply, whose fields are as ``worker.protocol`` declares them.

        Raises ModelError (the worker lives on), also where it cannot do this, or WorkerError (it is gone).
        """
        needed = protocol.REQUESTS[operation].capability
        if needed not in self.capabilities | {protocol.ALWAYS}:
            able = ", ".join(sorted(self.capabilities)) or "nothing"
            found = f"the worker cannot answer {operation!r}: it announces {able}, but not {needed!r}"
            raise ModelError(found, hint="docs/protocol.md says what each capability asks of a worker")
        self._send(operation, (json.dumps({"op": operation, **request}) + "\n").encode())
        while "event" in (message := self._receive(operation)):
            self._take_event(message)
        if "error" in message:
            raise model_error(message["error"], self._python, self.tail())
        if "ok" not in message:
            raise self._garbage(operation, str(message))
        try:
            protocol.check_reply(operation, message["ok"])
        except protocol.ProtocolError as error:
            raise ModelError(f"the worker did not answer as it should: {error}") from error
        return message["ok"]

    def close(self) -> None:
        """End the process, politely first; nothing it started survives."""
        with contextlib.suppress(OSError):
            self._socket.sendall(b'{"op": "stop"}\n')
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._socket.close()
        self._pipe.close()

    def tail(self) -> str:
        """Return the last lines that the model or its framework printed."""
        return "\n".join(self._tail)

    def _take_event(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(protocol.ProtocolError):  # news that cannot be read is no news
            protocol.check_event(message)
            self._on_event(message)

    def _send(self, operation: str, line: bytes) -> None:
        """Send a line; a worker that does not read it is as silent as one that does not answer."""
        self._life.shown()
        left = memoryview(line)
        while left:
            self.on_life()
            self._check_runs(operation)
            _, writable, _ = select.select([], [self._socket], [], 0.5)
            if not writable:
                self._wait(operation)
                continue
            try:
                left = left[self._socket.send(left, socket.MSG_DONTWAIT) :]
            except OSError as error:
                raise self._gone(operation) from error
            self._life.shown()

    def _receive(self, operation: str) -> dict[str, Any]:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LONGEST_REPLY:
                raise self._garbage(operation, bytes(self._buffer[:200]).decode(errors="replace"))
            self._read_more(operation)
        self._life.shown()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = _without_halves(json.loads(line)) if b"\\ud" in line.lower() else json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._garbage(operation, line.decode(errors="replace")) from error
        if not isinstance(message, dict):
            raise self._garbage(operation, line.decode(errors="replace"))
        return message

    def _read_more(self, operation: str) -> None:
        self.on_life()
        runs = self._check_runs(operation)
        readable, _, _ = select.select([self._socket], [], [], 0.5 if runs else 0)
        if not readable:
            if not runs:
                raise self._gone(operation)
            self._wait(operation)
            return
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise self._gone(operation) from error
        if not data:
            raise self._gone(operation)
        self._buffer += data

    def _check_runs(self, operation: str) -> bool:
        """Tell whether the process runs. What it sent before it ended is read; a child that has its socket may not go on for it."""
        if self._process.poll() is None:
            return True
        self._ended_at = self._ended_at or time.monotonic()
        if time.monotonic() - self._ended_at > LONGEST_REST:
            raise self._gone(operation)
        return False

    def _wait(self, operation: str) -> None:
        self._on_event({"event": "waiting"})
        if self._life.silent_for() > self.silence_limit:
            raise self._silent(operation)

    def _silent(self, operation: str) -> WorkerError:
        self._process.send_signal(signal.SIGUSR1)  # the worker's fault handler prints where it is
        time.sleep(0.2)
        self.kill()
        return WorkerError(
            f"the worker gave no sign of life for {self.silence_limit:.0f} s during {operation!r}: stopped; "
            + last_words(list(self._tail)),
            hint="if the model is really this slow, raise --timeout" + self._kernel_hint
            if operation != "start" or not self._program.own
            else f"{self._program.no_worker}; if it is only slow, raise --timeout",
            detail=self.tail(),
        )

    def _gone(self, operation: str) -> WorkerError:
        try:
            code: int | None = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()  # what it started too
        self._reader.join(1)  # the last lines
        message = (
            f"the worker {how_it_ended(code)} during {operation!r}; {last_words(list(self._tail))}{self._kernel_hint}"
        )
        hint = hint_of_end(code, operation, self._program)
        return WorkerError(message, hint=hint, detail=self.tail(), exit_status=code)

    def _garbage(self, operation: str, line: str) -> WorkerError:
        self.kill()
        return WorkerError(f"the worker answered {operation!r} with something that is no reply: {line[:200]!r}")

    def _read_output(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        pending = b""
        while data := os.read(pipe.fileno(), 1 << 14):
            self._life.printed()
            *lines, pending = (pending + data).replace(b"\r", b"\n").split(b"\n")
            pending = pending[:LONGEST_LINE]
            for line in lines:
                text = line[:LONGEST_LINE].decode(errors="replace")
                self._tail.append(text)
                self._on_output(text)
        if pending:
            self._tail.append(pending.decode(errors="replace"))
        pipe.close()


def _without_halves(message: Any) -> Any:
    """Return a message with "?" for half characters, which no file and no terminal takes."""
    return json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))


def _launched(
    program: Program, arguments: Sequence[str], env: Mapping[str, str], cwd: str | None
) -> tuple[subprocess.Popen[bytes], socket.socket, BinaryIO]:
    """Start a process that is handed one end of a socket; return it, the other end, and a pipe that the tool's own worker watches."""
    ours, theirs = socket.socketpair()
    watched, pipe = os.pipe()
    handed = [theirs.fileno()] if program.own else [theirs.fileno(), watched]
    watching = [] if program.own else ["--parent", str(watched)]
    try:
        process = subprocess.Popen(
            [*program.words, *arguments, *watching, "--socket", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            pass_fds=handed,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the worker
        )
    except (OSError, ValueError) as error:
        ours.close()
        os.close(pipe)
        raise BisectError(
            f"cannot start the {program.kind} {program.name!r}: {getattr(error, 'strerror', None) or error}",
            hint=program.not_there,
        ) from error
    finally:
        theirs.close()
        os.close(watched)
    return process, ours, os.fdopen(pipe, "wb")


def worker_digest() -> str:
    """Return the digest of the worker's own code: readings are only as good as the code that took them."""
    total = hashlib.blake2b(digest_size=8)
    for path in sorted((*SCRIPT.rglob("*.py"), *SCRIPT.rglob("*.h"), *SCRIPT.rglob("*.cpp"))):
        total.update(path.read_bytes())
    return total.hexdigest()


def default_python() -> str:
    """Return the interpreter that runs the tool itself."""
    return sys.executable
