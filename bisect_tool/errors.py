"""The errors that a user can meet; the command line alone turns them into a message and an exit code."""

from __future__ import annotations

import copy
import re
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bisect_tool.plain import plain

if TYPE_CHECKING:
    from typing import Self

AGAIN = "record it again with `bisect capture`"
MOST_CHARACTERS = 1500  # of a message: enough for any list of mistakes, and no tensor's whole content


class BisectError(Exception):
    """Something the user can mend: what is wrong and where, and in ``hint`` what to do next.

    Attributes:
        hint: the next step, one sentence, or an empty string.
        detail: a traceback or log from the model's own process, shown with ``--debug``.
        said: what another program said, line by line.
        lines: the message as it is shown: where it lists several mistakes, what has them, and each by itself, then what was said.

    """

    def __init__(
        self, message: str, *, hint: str = "", detail: str = "", mistakes: Sequence[str] = (), said: Sequence[str] = ()
    ) -> None:
        found = [_one_line(mistake) for mistake in mistakes]
        super().__init__(_one_line(f"{message}: {'; '.join(found)}" if found else message))
        self.lines = [f"{_one_line(message)}:", *(f"  {each}" for each in found)] if len(found) > 1 else [str(self)]
        self.said = [" " * (len(line) - len(line.lstrip())) + _one_line(line) for line in said]
        self.lines += self.said
        self.hint = hint
        self.detail = detail

    def named(self, what: str) -> Self:
        """Return the same error, whose message says first what has it."""
        new = copy.copy(self)
        new.args = (_one_line(f"{what}: {self}"),)
        new.lines = [_one_line(f"{what}: {self.lines[0]}"), *self.lines[1:]]
        return new


class ModelError(BisectError):
    """The model's own code raised, or returned what it should not."""


class WorkerError(BisectError):
    """A worker process died, went silent past its limit, or answered nonsense.

    Attributes: ``exit_status``, as ``subprocess`` has it, of one that ended by itself; else None.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "", exit_status: int | None = None) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.exit_status = exit_status

    @property
    def killed(self) -> bool:
        """Tell whether somebody killed it, as the system does with what needs too much memory."""
        return self.exit_status == -signal.SIGKILL


class CaptureError(BisectError):
    """A capture is damaged: whatever rests on it says nothing. The message says which tensor it is, and in which file."""

    def __init__(self, message: str, *, hint: str = AGAIN, detail: str = "") -> None:
        super().__init__(f"damaged capture: {message}", hint=hint, detail=detail)


class InconclusiveError(BisectError):
    """The question has no usable answer: exit code 3."""


def _one_line(text: str) -> str:
    uncoloured = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    lines = re.sub(r"\s*[\x00-\x1f\x7f-\x9f\u2028\u2029]\s*", " ", uncoloured)
    line = plain(lines).strip()
    return line if len(line) <= MOST_CHARACTERS else line[:MOST_CHARACTERS] + " ... (cut; --debug shows all)"
