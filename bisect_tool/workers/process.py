"""One worker process: started with the model's own interpreter, asked over a socket, killed when it hangs."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bisect_tool.errors import BisectError, ModelError, WorkerError

SCRIPT = Path(__file__).resolve().parent.parent / "worker"
KEPT_LINES = 200
LONGEST_LINE = 2000  # bytes of one printed line that are kept: a model may print megabytes without a newline
Event = Callable[[dict[str, Any]], None]


LONGEST_REPLY = 256 << 20  # bytes


class Worker:
    """A model's process. ``ask`` sends one request and waits for its reply.

    Attributes:
        command: what was started, for messages.
        silence_limit: seconds without any sign of life (reply, event or output) after which it is killed.

    """

    def __init__(
        self,
        *,
        python: str,
        framework: str,
        path: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        silence_limit: float = 300.0,
        on_event: Event | None = None,
        on_output: Callable[[str], None] | None = None,
    ) -> None:
        self.silence_limit = silence_limit
        damaged = "; if it happens again: a damaged Jittor kernel does this, delete `jit` in Jittor's cache folder"
        self._kernel_hint = damaged if framework == "jittor" else ""
        self._on_event = on_event or (lambda _event: None)
        self._on_output = on_output or (lambda _line: None)
        self._tail: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._alive_at = time.monotonic()
        self._buffer = bytearray()
        self.command = [python, "-u", str(SCRIPT), "--framework", framework]
        for entry in path:
            self.command += ["--path", entry]
        ours, theirs = socket.socketpair()
        self._socket = ours
        try:
            self._process = subprocess.Popen(
                [*self.command, "--socket", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the worker
            )
        except (OSError, ValueError) as error:
            ours.close()
            raise BisectError(
                f"cannot start the interpreter {python!r}: {getattr(error, 'strerror', None) or error}",
                hint="set `python` of this model in recipe.toml to the interpreter of its environment",
            ) from error
        finally:
            theirs.close()
        threading.Thread(target=self._read_output, daemon=True).start()

    def ready(self) -> dict[str, Any]:
        """Wait until the framework is imported; return the ready event. Raises ModelError when it cannot be."""
        while True:
            message = self._receive("start")
            if message.get("event") == "ready":
                if "error" in message:
                    raise self._failure(message["error"])
                return message
            self._on_event(message)

    def ask(self, operation: str, **request: Any) -> Any:
        """Send a request and return the reply. Raises ModelError (the worker lives on) or WorkerError (it is gone)."""
        self._alive_at = time.monotonic()
        try:
            self._socket.sendall((json.dumps({"op": operation, **request}) + "\n").encode())
        except OSError as error:
            raise self._gone(operation) from error
        while True:
            message = self._receive(operation)
            if "event" in message:
                self._on_event(message)
            elif "error" in message:
                raise self._failure(message["error"])
            elif "ok" in message:
                return message["ok"]
            else:
                raise self._garbage(operation, str(message))

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

    def tail(self) -> str:
        """Return the last lines that the model or its framework printed."""
        return "\n".join(self._tail)

    def _receive(self, operation: str) -> dict[str, Any]:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LONGEST_REPLY:
                raise self._garbage(operation, bytes(self._buffer[:200]).decode(errors="replace"))
            readable, _, _ = select.select([self._socket], [], [], 0.5)
            if not readable:
                self._on_event({"event": "waiting"})
                if time.monotonic() - self._alive_at > self.silence_limit:
                    self._process.send_signal(signal.SIGUSR1)  # the worker's fault handler prints where it is
                    time.sleep(0.2)
                    self.kill()
                    raise WorkerError(
                        f"the worker gave no sign of life for {self.silence_limit:.0f} s during {operation!r}: stopped; "
                        + _last_words(list(self._tail)),
                        hint="if the model is really this slow, raise --timeout" + self._kernel_hint,
                        detail=self.tail(),
                    )
                continue
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise self._gone(operation) from error
            if not data:
                raise self._gone(operation)
            self._buffer += data
        self._alive_at = time.monotonic()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._garbage(operation, line.decode(errors="replace")) from error
        if not isinstance(message, dict):
            raise self._garbage(operation, line.decode(errors="replace"))
        return message

    def _gone(self, operation: str) -> WorkerError:
        try:
            code: int | None = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        time.sleep(0.05)  # lets the output thread read the last lines
        if code is None:
            how = "closed its connection"
        else:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended (status {code})"
        hint = "--verbose shows all it printed"
        if operation == "start":
            hint = f"check that {self.command[0]} is the Python that this model needs; see `bisect doctor`"
        elif code == -signal.SIGKILL:
            hint = "the system kills what needs too much memory: try a smaller batch or input in build"
        message = f"the worker {how} during {operation!r}; {_last_words(list(self._tail))}{self._kernel_hint}"
        error = WorkerError(message, hint=hint, detail=self.tail())
        error.exit_status = code  # type: ignore[attr-defined]
        return error

    def _garbage(self, operation: str, line: str) -> WorkerError:
        self.kill()
        return WorkerError(f"the worker answered {operation!r} with something that is no reply: {line[:200]!r}")

    def _failure(self, error: Mapping[str, Any]) -> ModelError:
        where = f" at {error['where']}" if error.get("where") else ""
        ours = error["type"] in ("RecipeError", "DiskError")  # written for the user, with all that is to be said
        kind, place = ("", "") if ours else (f"{error['type']}: ", where)
        return ModelError(
            f"{error['phase']} failed{place}: {kind}{error['message']}".rstrip(),
            hint=_hint(error, self.command[0]),
            detail=f"{error['traceback']}\n{self.tail()}",
        )

    def _read_output(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        pending = b""
        while data := os.read(pipe.fileno(), 1 << 14):
            self._alive_at = time.monotonic()
            *lines, pending = (pending + data).replace(b"\r", b"\n").split(b"\n")
            pending = pending[:LONGEST_LINE]
            for line in lines:
                text = line[:LONGEST_LINE].decode(errors="replace")
                self._tail.append(text)
                self._on_output(text)
        if pending:
            self._tail.append(pending.decode(errors="replace"))
        pipe.close()


def _last_words(lines: Sequence[str]) -> str:
    """Return where in the user's code it was, as far as Python's fault handler says, or the last line printed."""
    start = max((i for i, line in enumerate(lines) if line.endswith("(most recent call first):")), default=len(lines))
    for line in lines[start:]:
        found = re.match(r'  File "(.+)", line (\d+) in ', line)
        if found and not found[1].startswith(str(SCRIPT)) and not re.search(r"/lib/python3\.|-packages/|^<", found[1]):
            return f"it was at {found[1]}:{found[2]}"
    last = next((line.strip() for line in reversed(lines[:start]) if line.strip()), "")
    return f"last output: {last}" if last else "it printed nothing"


def _hint(error: Mapping[str, Any], python: str) -> str:
    if error["type"] == "DiskError":
        return "free some space, or choose another place with --captures"
    if error["type"] != "ModuleNotFoundError":
        return ""
    if error["phase"] == "import":
        missing = error["message"].rpartition("named ")[2].strip("'")
        return f"install {missing} for {python}, or set `python` of this model in recipe.toml; see `bisect doctor`"
    return "add the folder that holds it to `path` of this model in recipe.toml"


def worker_digest() -> str:
    """Return the digest of the worker's own code: readings are only as good as the code that took them."""
    total = hashlib.blake2b(digest_size=8)
    for path in sorted(SCRIPT.rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()


def default_python() -> str:
    """Return the interpreter that runs the tool itself."""
    return sys.executable
