"""Ctrl-C during a search: the first one asks for a report of what is known so far, a second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Interrupt:
    """Whether Ctrl-C was pressed in the block. Use as a context manager; ``wanted`` is what a search asks.

    Attributes: ``heeded``, whether the search was told; ``say`` is handed what the user is told then.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.heeded = False
        self._pressed = False
        self._say = say
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def wanted(self) -> bool:
        """Tell whether the search is to end."""
        if self._pressed and not self.heeded:
            self.heeded = True
            self._say("interrupted: this is what is known so far (Ctrl-C once more ends at once)")
        return self._pressed

    def _press(self, _number: int, _frame: Any) -> None:
        # Nothing is printed here: whoever writes to stderr may be the one that was interrupted.
        self._pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
