"""What the commands print, and where: answers on stdout, all else on stderr, neither of which may be there."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from bisect_tool.plain import plain

# What a terminal that has nothing but ASCII shows instead; anything else is escaped.
ASCII = {"±": "+-", "²": "^2", "·": "*", "\N{MULTIPLICATION SIGN}": "x", "…": "..."}


class UnwrittenError(Exception):
    """stdout takes nothing more. It is no OSError: rich and click end at those, with the exit code that says "culprit".

    Attributes: ``reader_gone``: nobody reads it any more (``| head``), so that there is nothing to say.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to stdout: {error.strerror or error}")
        self.reader_gone = isinstance(error, BrokenPipeError)


class _Answers(io.TextIOWrapper):
    """stdout. Raises UnwrittenError."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise UnwrittenError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise UnwrittenError(error) from error


class _Progress(io.TextIOWrapper):
    """stderr. Nobody may read it (its reader or terminal is gone, the disk is full): that is no reason to end."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            _unread(self, error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            _unread(self, error)


def _unread(stream: IO[str], error: OSError) -> None:
    """Let stderr be from now on, and stdout too where both had the reader that is gone (``2>&1 | head``)."""
    if isinstance(error, BrokenPipeError) and os.path.sameopenfile(stream.fileno(), sys.stdout.fileno()):
        forget(sys.stdout)
    forget(stream)


def open_streams() -> None:
    """Have both streams take any character, and none of them missing: a shell can close them (``>&-``)."""
    codecs.register_error("bisect", _spelled)
    for name, kind in (("stdout", _Answers), ("stderr", _Progress)):
        given = getattr(sys, name)
        if given is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process lives
            continue
        how = {"line_buffering": given.line_buffering, "write_through": given.write_through}
        setattr(sys, name, kind(given.buffer, given.encoding, "bisect", **how))


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """Spell what a stream's encoding lacks."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] in ASCII:
        return ASCII[error.object[error.start]], error.start + 1
    return codecs.backslashreplace_errors(error)


def console(*, stderr: bool = False) -> Console:
    """Return what draws on a stream; lines on stderr are not broken."""
    return Console(stderr=stderr, soft_wrap=stderr, highlight=False, markup=False, emoji=False)


def put(words: str) -> None:
    """Print a line of an answer, whatever names are in it."""
    print(plain(words))


def say(words: str, style: str = "") -> None:
    """Leave a line on stderr, whatever names are in it."""
    console(stderr=True).print(Text(plain(words), style=style))


def forget(stream: IO[str]) -> None:
    """Let nothing more be written to a stream: Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
