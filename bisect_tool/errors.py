"""The errors that a user can meet; the command line alone turns them into a message and an exit code."""

from __future__ import annotations


class BisectError(Exception):
    """Something the user can mend: what is wrong and where, and in ``hint`` what to do next.

    Attributes:
        hint: the next step, one sentence, or an empty string.
        detail: a traceback or log from the model's own process, shown with ``--debug``.

    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class ModelError(BisectError):
    """The model's own code raised, or returned what it should not."""


class WorkerError(BisectError):
    """A worker process died, went silent past its limit, or answered nonsense."""


class InconclusiveError(BisectError):
    """The question has no usable answer: exit code 3."""
