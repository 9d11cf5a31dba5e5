"""From the addresses of a backtrace to the statements of the user's that run."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from .cpp_flow import At
from .cpp_names import qualified, spelled
from .cpp_running import Key
from .cpp_source import statement_at, text_of
from .cpp_symbols import Symbols


class Chain(NamedTuple):
    """The statements that run, the outermost first; the innermost line; and which address is the first in a watched file."""

    keys: List[Key]
    at: At = ("", 0)
    first: int = 0


class Chains:
    """Who knows the chain of a backtrace; ``skipped`` takes what could not be told, and why."""

    def __init__(
        self, is_watched: Callable[[str], bool], place_of: Callable[[int], Tuple[str, int]], skipped: Dict[str, str]
    ) -> None:
        self._is_watched = is_watched
        self._symbols = Symbols(place_of)
        self._skipped = skipped
        self._known: Dict[Tuple[int, ...], Chain] = {}
        self._full: Dict[str, str] = {}  # what a function is called to what it is called with its namespaces

    def of(self, addresses: Sequence[int]) -> Chain:
        """Return the chain of a backtrace, the innermost address first."""
        known = tuple(addresses)
        if known not in self._known:
            self._known[known] = self._read(addresses)
        return self._known[known]

    def _read(self, addresses: Sequence[int]) -> Chain:
        try:
            frames = [self._symbols.at(address) for address in addresses]
        except OSError:
            self._skipped["addr2line"] = "it is not installed (binutils), and tells the lines of C++ code"
            return Chain([])
        if frames and not any(frames):
            self._skipped["port"] = "it was compiled without line tables: -g1 makes them"
        own = [[frame for frame in inlined if self._is_watched(frame.file)] for inlined in frames]
        lines = [frame for inlined in own for frame in inlined]
        if not lines:
            return Chain([])
        keys = [
            Key(self._named(frame.function, found.within), os.path.realpath(frame.file), found)
            for frame in reversed(lines)
            for found in [statement_at(text_of(frame.file), frame.line)]
            if found is not None
        ]
        first = next(number for number, inlined in enumerate(own) if inlined)
        return Chain(keys, (os.path.realpath(lines[0].file), lines[0].line), first)

    def _named(self, function: str, within: str) -> str:
        """Return what a function is called, with its namespace where another one has that name already."""
        short, full = spelled(function, within), qualified(function)
        return short if self._full.setdefault(short, full) == full else full
