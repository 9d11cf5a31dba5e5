"""Which files have the functions that a run calls, wherever they stand; frameworks and the standard library are left out."""

from __future__ import annotations

import contextlib
import os
import sys
from types import CodeType, FrameType
from typing import Any, Callable, Dict, Iterator, Tuple

from ..model.sources import folders_of_frameworks, is_installed, is_library

METHODS = ("forward", "execute", "backward", "grad")  # what a framework calls of a user's class


class Called:
    """The files whose functions were called while ``noted``, by their real path.

    A function of an installed package counts where code that counts calls it, or where a framework calls a module's own code: what
    a framework needs for itself does not. ``is_own(file)`` tells which files count from the beginning.
    """

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self.files: set[str] = set()
        self._is_own = is_own

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note what is called in this thread while the block runs, which takes about as long as a profile of it."""
        calls: Dict[Tuple[int, int], Tuple[CodeType, CodeType]] = {}

        def on_event(frame: FrameType, event: str, _argument: Any) -> None:
            if event == "call" and frame.f_back is not None:
                pair = (frame.f_code, frame.f_back.f_code)
                calls[id(pair[0]), id(pair[1])] = pair

        before = sys.getprofile()
        sys.setprofile(on_event)
        try:
            yield
        finally:
            sys.setprofile(before)
            self._count(list(calls.values()))

    def _count(self, calls: list[tuple[CodeType, CodeType]]) -> None:
        frameworks = folders_of_frameworks()
        of = {code: os.path.realpath(code) for pair in calls for code in (pair[0].co_filename, pair[1].co_filename)}
        left = [
            (callee.co_name, of[callee.co_filename], caller.co_filename)
            for callee, caller in calls
            if not callee.co_filename.startswith("<")
            and callee.co_name != "<module>"
            and not caller.co_filename.startswith("<frozen")  # an import
            and not is_library(of[callee.co_filename], frameworks)
        ]
        found = len(left) + 1
        while len(left) < found:  # who is called by what was found in the last round counts too
            found = len(left)
            counted = {file for name, file, caller in left if self._counts(name, file, of[caller])}
            self.files |= counted
            left = [row for row in left if row[1] not in counted]

    def _counts(self, name: str, file: str, caller: str) -> bool:
        return not is_installed(file) or name in METHODS or caller in self.files or self._is_own(caller)
