"""What the commands print, and where: answers on stdout, all else on stderr, neither of which may be there."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

from rich.console import Console
from rich.text import Text

from bisect_tool.plain import plain


def open_streams() -> None:
    """Have both streams take any character, and none of them missing: a shell can close them (``>&-``)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process lives
        else:
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Return what draws on a stream; lines on stderr are not broken."""
    return Console(stderr=stderr, soft_wrap=stderr, highlight=False, markup=False, emoji=False)


def put(words: str) -> None:
    """Print a line of an answer, whatever names are in it."""
    print(plain(words))


def say(words: str, style: str = "") -> None:
    """Leave a line on stderr, whatever names are in it. Nobody may read it: that is no reason to end."""
    with unread(sys.stderr):
        console(stderr=True).print(Text(plain(words), style=style))


@contextlib.contextmanager
def unread(stream: IO[str]) -> Iterator[None]:
    """Take it that a stream cannot be written to (its reader or terminal is gone, the disk is full), and let it be from then on."""
    try:
        yield
    except OSError:
        forget(stream)


def forget(stream: IO[str]) -> None:
    """Let nothing more be written to a stream: Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
