"""Which files of the user's a model is built from, and what stands in them: whoever reads a capture later can tell what changed."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import sys
import zlib
from typing import Any, Dict, Iterator, Optional, Sequence, Set

from .. import plain_files
from .sources import folders_of_frameworks, is_installed, is_library, own_modules

SYSTEM = ("/proc/", "/sys/", "/dev/")  # what stands there is another each time
LARGE_FILE = 1 << 20  # of a larger one three pieces are looked at


class Reads:
    """The files that are opened for reading while ``noted``, and the environment variables that the user's own code reads.

    ``described`` tells of the files in some folders, and of the code that was loaded from anywhere.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)
        self._base = os.path.realpath(folders[0])
        self._opened: Set[str] = set()
        self._variables: Dict[str, Optional[str]] = {}

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note what Python code opens, and reads of its environment, while the block runs."""
        before, environment = builtins.open, type(os.environ)
        get = environment.__getitem__

        def read(mapping: Any, name: str) -> Any:
            if _is_asked_for_by_a_user():
                self._variables.setdefault(name, mapping._data.get(mapping.encodekey(name)))
            return get(mapping, name)

        builtins.open = io.open = _Opening(before, self._opened)
        environment.__getitem__ = read  # type: ignore[method-assign]
        try:
            yield
        finally:
            builtins.open = io.open = before
            environment.__getitem__ = get  # type: ignore[method-assign]

    def digest(self) -> str:
        """Return the digest of what was read but for code: a model that reads something else may compute something else."""
        frameworks = folders_of_frameworks()
        opened = {file for file in map(os.path.realpath, self._opened) if not file.startswith(SYSTEM)}
        # What libraries read of themselves as they are imported is no sign that anything depends on it.
        files = sorted(file for file in opened if not is_installed(file) and not is_library(file, frameworks))
        found = [(file, described(file)) for file in files]
        there = [(file, entry["digest"]) for file, entry in found if entry is not None]  # a temporary one is gone
        text = repr((there, sorted(self._variables.items())))
        return "%08x" % zlib.crc32(text.encode("utf-8", "replace"))

    def described(self) -> Dict[str, Any]:
        """Return of each file, by its path from the first folder, what ``described`` says."""
        opened = {path for path in map(os.path.realpath, self._opened) if path.startswith(self._folders)}
        found = {path: described(path) for path in opened | {path for path, _ in own_modules()}}
        return {os.path.relpath(path, self._base): entry for path, entry in sorted(found.items()) if entry is not None}


def _is_asked_for_by_a_user() -> bool:
    """Tell whether the code that reads a variable is the user's own, below Python's own ``get`` and ``getenv``."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in ("os", "collections.abc", "_collections_abc"):
        frame = frame.f_back
    name = frame.f_code.co_filename
    file = os.path.realpath(name)
    return not name.startswith("<") and not is_installed(file) and not is_library(file, folders_of_frameworks())


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
