"""Progress on stderr: one moving line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.status import Status
from rich.text import Text

from bisect_tool.cli import screen
from bisect_tool.frameworks import FRAMEWORKS
from bisect_tool.opening import Listener
from bisect_tool.plain import plain

EVERY = 10.0  # seconds between lines where stderr is no terminal


class Progress:
    """Say what is going on and for how long. Use as a context manager."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._console = screen.console(stderr=True)
        self._verbose = verbose
        self._phase = self._detail = ""
        self._phase_start = self._start = time.monotonic()
        self._said_at = 0.0
        self._compiled = 0
        self._status: Status | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def seconds(self) -> float:
        """Return the time since the start."""
        return time.monotonic() - self._start

    def phase(self, words: str) -> None:
        """Begin another phase."""
        self._phase, self._phase_start, self._said_at = words, time.monotonic(), 0.0
        self.say("")

    def say(self, words: str) -> None:
        """Show a detail of the current phase."""
        self._detail = words
        elapsed = time.monotonic() - self._phase_start
        line = f"{self._phase}{': ' if words else ''}{words}" + (f" ({elapsed:.0f} s)" if elapsed >= 1 else "")
        if self._status is not None:
            self._status.update(Text(plain(line)))
        elif time.monotonic() - self._said_at >= EVERY or not self._said_at:
            self._said_at = time.monotonic()
            screen.say(line)

    def note(self, words: str) -> None:
        """Leave a line on stderr."""
        self._console.print(Text(plain(words)))

    def listener(self, name: str, silence_limit: float) -> Listener:
        """Return who is to be told what a worker does, and for how long it may be silent."""
        return Listener(silence_limit, self.phase, self.on_event(name), self.on_output(name))

    def on_event(self, name: str) -> Callable[[dict[str, Any]], None]:
        """Return what a worker's events are to be handed to."""

        def show(event: dict[str, Any]) -> None:
            kind = event.get("event")
            if kind == "recording":
                self.say(f"{event.get('sites', 0)} calls, {event.get('bytes', 0) / 1e6:.0f} MB written")
            elif kind == "noise":
                self.say(f"rounding run {event.get('done', 0) + 1} of {event.get('of', 0)}")
            elif kind == "gradients":
                self.say(f"gradients piece by piece, run {event.get('done', 0) + 1} of {event.get('of', 0)}")
            elif kind == "seeds":
                self.say(f"initialisation {event.get('done', 0) + 1} of {event.get('of', 0)}")
            elif kind == "stirred":
                self.phase(f"recording {name} at stirred weights")
            elif kind == "compiling":
                self.say(f"compiling {event.get('file', '')}")
            elif kind == "waiting":
                self.say(self._detail)
            elif kind == "running":
                self.say(f"{name} at {event.get('site', '')}")

        return show

    def on_output(self, name: str) -> Callable[[str], None]:
        """Return what a worker's printed lines are to be handed to."""

        def show(line: str) -> None:
            compiling = _compiling(line)
            if compiling:
                title, what, done, of = compiling
                self._compiled += done == of and int(of)
                total = f", {self._compiled} compiled so far" if done == of else ""
                self.say(f"{title} compiles {what} {done} of {of}{total}")
            if self._verbose and line.strip():
                self.note(f"{name} | {line}")

        return show


def _compiling(line: str) -> tuple[str, str, str, str] | None:
    """Return what a printed line says of kernels: which framework compiles what, how many are done, and of how many."""
    for framework in FRAMEWORKS.values():
        found = framework.kernels and framework.kernels.progress.search(line)
        if found:
            return framework.title, found[1], found[2], found[3]
    return None
