"""Ctrl-C, and the signals that end a command as it does: SIGTERM, SIGHUP (the terminal is gone) and SIGQUIT.

During a search the first one asks for a report of what is known so far, a second one ends at once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end. Attributes: ``exit_code``, as a shell has it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.exit_code = 128 + number


def end_by_signals() -> None:
    """Have each of these signals raise Interrupted from now on; one that is ignored (``nohup``) stays so."""
    handled_by(_end)


def handled_by(handler: Callable[[int, Any], None]) -> None:
    """Have a function called at each of these signals but those that are ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end(number: int, _frame: Any) -> None:
    raise Interrupted(number)


class Interrupt:
    """Whether a search is to end. Use as a context manager; ``wanted`` is what a search asks.

    Attributes: ``heeded``, whether the search was told; ``say`` is handed what the user is told then.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.heeded = False
        self._pressed = 0
        self._say = say

    def __enter__(self) -> Interrupt:
        handled_by(self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_by_signals()

    def wanted(self) -> bool:
        """Tell whether the search is to end."""
        if self._pressed and not self.heeded:
            self.heeded = True
            more = " (Ctrl-C once more ends at once)" if self._pressed == signal.SIGINT else ""
            self._say(f"interrupted: this is what is known so far{more}")
        return bool(self._pressed)

    def check(self) -> None:
        """Raise Interrupted where the search was ended."""
        if self.heeded:
            raise Interrupted(self._pressed)

    def _press(self, number: int, _frame: Any) -> None:
        # Nothing is printed here: whoever writes to stderr may be the one that was interrupted.
        self._pressed = number
        end_by_signals()
