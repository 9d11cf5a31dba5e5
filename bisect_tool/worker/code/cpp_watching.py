"""Variables of C++ code: what a statement assigns is what its last operation, or the last call in it, gives.

Nobody can look at variables of compiled code. But every operation of libtorch tells by its backtrace in which statement it
stands, and the source of that which variable it assigns. What nobody holds once the statement is over was no variable's value,
and is none here. So is what was assigned without an operation of its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .cpp_names import spelled
from .cpp_source import Statement, statement_at
from .cpp_symbols import Symbols
from .rewriting import Place
from .watching import Assigned, Caught

Key = Tuple[str, str, Statement]  # function, file, statement
Way = Tuple[int, int]  # the address in the user's code, the way from there to the operation
INDEXING = ("aten::select", "aten::slice", "aten::unsqueeze", "aten::index")  # one `x.index({...})` has several
UNKNOWN = -1


class _Open:
    """A statement that runs: how many operations and calls were its own so far, at which addresses, and what the last one gave."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.count = 0
        self.seen: Set[Way] = set()
        self.latest: Optional[Way] = None
        self.values: Optional[List[Any]] = None
        self.told = False


class CppWatcher:
    """The functions of a port in C++. Attributes as of ``watching.Watcher``.

    ``runtime`` is the port's. A variable takes another value if it is known from an earlier run which operation is the
    statement's last.
    """

    def __init__(self, is_watched: Callable[[str], bool], runtime: Any) -> None:
        self.places: List[Place] = []
        self.skipped: Dict[str, str] = {}
        self._is_watched = is_watched
        self._runtime = runtime
        self._symbols = Symbols(runtime.place_of)
        self._chains: Dict[Tuple[int, ...], List[Key]] = {}
        self._of: Dict[Tuple[Key, str], Place] = {}
        self._last: Dict[Key, int] = {}  # which of its operations is a statement's last
        self._open: List[_Open] = []
        self._assigned: Assigned = lambda _place, value, _line: value

    @contextlib.contextmanager
    def watching(self, assigned: Assigned, _caught: Caught) -> Iterator[None]:
        """Call ``assigned(place, value, line)`` after every assignment that can be seen; see ``watching.Watcher``."""
        before, self._open, self._assigned = self._assigned, [], assigned
        self._runtime.trace_by(self)
        try:
            yield
            self._close(0)
        finally:
            self._runtime.trace_by(None)
            self._assigned, self._open = before, []

    def operation(self, name: str, addresses: Sequence[int], way: int, values: List[Any]) -> Optional[List[Any]]:
        """Take note of an operation that is over; return what is to take the place of what it gave, None where that stays."""
        return self._event(addresses, way, values, name in INDEXING)

    def called(self, addresses: Sequence[int], value: Any) -> Any:
        """Take note of a module call that is over; return what its caller is to get."""
        other = self._event(addresses, 0, [value], False)
        return value if other is None else other[0]

    def _event(self, addresses: Sequence[int], way: int, values: List[Any], indexing: bool) -> Optional[List[Any]]:
        chain = self._chain(addresses)
        if not chain:
            return None
        step = (addresses[0], way)
        self._enter(chain, step, indexing)
        running = self._open[-1]
        running.count += 1
        running.seen.add(step)
        running.latest = step
        running.values = values
        for around in self._open[:-1]:  # what a function gave is what its caller's statement has, unless more comes
            around.values = values
        if self._last.get(running.key) != running.count or not self._fits(running):
            return None
        running.told = True
        return running.values if self._tell(running) else None

    def _enter(self, chain: List[Key], step: Way, indexing: bool) -> None:
        """Close the statements that are over, and open those that begin."""
        same = 0
        while same < min(len(chain), len(self._open)) and self._open[same].key == chain[same]:
            same += 1
        if same == len(chain):
            running = self._open[same - 1]
            within = len(self._open) == same and indexing and running.latest == step
            same -= step in running.seen and not within  # the same operation once more: another time round a loop
        self._close(same)
        self._open += [_Open(key) for key in chain[same:]]

    def _close(self, left: int) -> None:
        while len(self._open) > left:
            over = self._open.pop()
            known = self._last.setdefault(over.key, over.count)
            if known != over.count:
                self._last[over.key] = UNKNOWN
            if not over.told and over.values is not None and self._fits(over) and self._is_held(over.values):
                self._tell(over)

    def _fits(self, running: _Open) -> bool:
        names, values = running.key[2].names, running.values or []
        return len(names) == 1 or (len(names) > 1 and len(names) == len(_several(values)))

    def _is_held(self, values: List[Any]) -> bool:
        """Tell whether somebody beside this code holds what an operation gave."""
        tensors = [value for value in _several(values) if hasattr(value, "data_ptr")]
        return all(self._runtime.holders(tensor) > 1 for tensor in tensors)

    def _tell(self, running: _Open) -> bool:
        """Report what a statement assigns; tell whether another value takes the place of some."""
        names, values = running.key[2].names, running.values or []
        whole = len(names) == 1
        found = [values[0] if len(values) == 1 else tuple(values)] if whole else _several(values)
        new = [self._assigned(self._place(running.key, n), v, running.key[2].first) for n, v in zip(names, found)]
        if all(one is other for one, other in zip(new, found)):
            return False
        nested = (whole and len(values) > 1) or (not whole and len(values) == 1)
        running.values = ([tuple(new)] if not whole else list(new[0])) if nested else new
        return True

    def _place(self, key: Key, name: str) -> Place:
        if (key, name) not in self._of:
            function, file, statement = key
            place = Place(function, name, statement.first, file, statement.kind, True)
            self._of[key, name] = place
            self.places.append(place)
        return self._of[key, name]

    def _chain(self, addresses: Sequence[int]) -> List[Key]:
        """Return the statements that run, the outermost first."""
        known = tuple(addresses)
        if known not in self._chains:
            try:
                frames = [frame for address in addresses for frame in self._symbols.at(address)]
            except OSError:
                self.skipped["addr2line"] = "it is not installed (binutils), and tells the lines of C++ code"
                frames = []
            self._chains[known] = [
                (spelled(frame.function, found.within), os.path.realpath(frame.file), found)
                for frame in reversed(frames)
                if self._is_watched(frame.file)
                for found in [statement_at(_text(frame.file), frame.line)]
                if found is not None
            ]
        return self._chains[known]


def _several(values: List[Any]) -> List[Any]:
    """Return the parts of what several names are assigned: of one tuple its own."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


@functools.lru_cache(maxsize=None)
def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
