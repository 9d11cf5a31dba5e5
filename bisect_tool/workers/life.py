"""What shows that a worker is at work: what its own process writes, not what a child of it prints."""

from __future__ import annotations

import re
import time
from pathlib import Path


class Life:
    """When a worker showed life last. ``pid`` is the worker's own, once it said so: its interpreter may be started by a script.

    A process that the model forked may print for ever, and keep the socket open, while the worker itself hangs. So where the
    system counts what a process writes, prints are life only if it is the worker who wrote; else all are.
    """

    def __init__(self) -> None:
        self.pid: int | None = None
        self._at = self._printed_at = time.monotonic()
        self._written: int | None = None

    def shown(self) -> None:
        """Note that it answered, or took what it was sent."""
        self._at = time.monotonic()

    def printed(self) -> None:
        """Note that it, or a process that it started, printed."""
        self._printed_at = time.monotonic()

    def silent_for(self) -> float:
        """Return the seconds since the last sign of life."""
        written = None if self.pid is None else bytes_written(self.pid)
        if written is None:
            return time.monotonic() - max(self._at, self._printed_at)
        if written != self._written:
            self._written = written
            self.shown()
        return time.monotonic() - self._at


def bytes_written(pid: int) -> int | None:
    """Return how many bytes a process, and those children that it waited for, have written; None where the system does not say."""
    try:
        found = re.search(r"^wchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else int(found[1])
