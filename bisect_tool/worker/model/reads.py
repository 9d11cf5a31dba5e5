"""Which files of the user's a model is built from, and what stands in them: whoever reads a capture later can tell what changed."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import zlib
from typing import Any, Dict, Iterator, Optional, Sequence, Set

from .. import plain_files
from .sources import own_modules

LARGE_FILE = 1 << 20  # of a larger one three pieces are looked at


class Reads:
    """The files in some folders that are opened for reading while ``noted``, and the code that was loaded from anywhere."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)
        self._base = os.path.realpath(folders[0])
        self._opened: Set[str] = set()

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note what Python code opens while the block runs."""
        before = builtins.open
        builtins.open = io.open = _Opening(before, self._opened)
        try:
            yield
        finally:
            builtins.open = io.open = before

    def described(self) -> Dict[str, Any]:
        """Return of each file, by its path from the first folder, what ``described`` says."""
        opened = {path for path in map(os.path.realpath, self._opened) if path.startswith(self._folders)}
        found = {path: described(path) for path in opened | {path for path, _ in own_modules()}}
        return {os.path.relpath(path, self._base): entry for path, entry in sorted(found.items()) if entry is not None}


class _Opening:
    """Opens as ``open`` does. No function: one that a class of the user's holds would become a method."""

    def __init__(self, before: Any, opened: Set[str]) -> None:
        self._before = before
        self._opened = opened

    def __call__(self, file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if isinstance(file, (str, os.PathLike)) and not set(mode) & set("wax+") and isinstance(os.fspath(file), str):
            self._opened.add(os.path.abspath(os.fspath(file)))
        return self._before(file, mode, *more, **named)


def described(path: str) -> Optional[Dict[str, Any]]:
    """Return a file's digest and, of text that is not large, one of each line; None where there is no plain file."""
    try:
        size = plain_files.check(path)
        with open(path, "rb") as file:
            if size > LARGE_FILE:
                return {"digest": "%d-%08x" % (size, _pieces(file, size)), "lines": None}
            content = file.read()
    except OSError:
        return None
    text = b"\0" not in content
    lines = [zlib.crc32(line.rstrip()) for line in content.splitlines()] if text else None
    return {"digest": "%d-%08x" % (len(content), zlib.crc32(content)), "lines": lines}


def _pieces(file: Any, size: int) -> int:
    total = 0
    for start in (0, size // 2, size - LARGE_FILE):
        file.seek(start)
        total = zlib.crc32(file.read(LARGE_FILE), total)
    return total
