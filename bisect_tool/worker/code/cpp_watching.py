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
from .cpp_source import OTHER, Statement, statement_at
from .cpp_symbols import Symbols
from .rewriting import Place
from .watching import Assigned, Caught, Line

Key = Tuple[str, str, Statement]  # function, file, statement
Way = Tuple[int, int]  # the address in the user's code, the way from there to the operation
Tensors = List[Tuple[int, Any]]  # the address of its own, a tensor
INDEXING = ("aten::select", "aten::slice", "aten::unsqueeze", "aten::index")  # one `x.index({...})` has several
UNKNOWN = -1


class Unseen:
    """The value of a variable that nobody has seen: it is there, and cannot be compared."""


class _Scope:
    """A function that runs: which tensor each of its names is, all that it knows, and what takes the place of some.

    ``unseen`` are names that were assigned something that nobody saw, each with the place of that.
    """

    def __init__(self) -> None:
        self.names: Dict[str, int] = {}
        self.known: Dict[int, Any] = {}  # kept, so that no other tensor gets its address
        self.instead: Dict[int, Any] = {}
        self.unseen: Dict[str, Place] = {}


class _Open:
    """A statement that runs: how many operations and calls were its own so far, by which ways, and what the last one gave."""

    def __init__(self, key: Key, scope: _Scope, caller: Optional[_Open]) -> None:
        self.key = key
        self.scope = scope
        self.caller = caller
        self.count = 0
        self.seen: Set[Way] = set()
        self.latest: Optional[Way] = None
        self.values: Optional[List[Any]] = None
        self.told = False
        self.called = False  # a function of the user's own


class CppWatcher:
    """The functions of a port in C++. Attributes as of ``watching.Watcher``.

    ``runtime`` is the port's. A variable takes another value if it is known from an earlier run which operation is the
    statement's last; a parameter, where operations read it.
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
        self._open: List[_Open] = []  # in the call that runs, the outermost first
        self._around: List[List[_Open]] = []
        self._running: Optional[_Open] = None  # in which an operation has begun
        self._state: Set[int] = set()  # addresses of the parameters and buffers
        self._assigned: Assigned = lambda _place, value, _line: value

    @contextlib.contextmanager
    def watching(self, assigned: Assigned, _caught: Caught) -> Iterator[None]:
        """Call ``assigned(place, value, line)`` after every assignment that can be seen; see ``watching.Watcher``."""
        before, self._assigned = self._assigned, assigned
        self._open, self._around, self._running = [], [], None
        self._state = set(self._runtime.state())
        self._runtime.trace_by(self)
        try:
            yield
            self._close(0)
        finally:
            self._runtime.trace_by(None)
            self._assigned, self._open, self._around = before, [], []

    def enter(self) -> None:
        """Take note that a module call begins: what runs in it is no part of the statement that makes it."""
        self._around.append(self._open)
        self._open = []

    def leave(self) -> None:
        """Take note that it is over."""
        self._close(0)
        self._open = self._around.pop()

    def reads(self, name: str, addresses: Sequence[int], way: int, tensors: Tensors) -> Optional[List[Any]]:
        """Take note of an operation that begins, and what it reads; return what is to be read instead, None where that stays."""
        chain = self._chain(addresses)
        if not chain:
            self._running = None
            return None
        step = (addresses[0], way)
        self._enter(chain, step, name in INDEXING)
        running = self._running = self._open[-1]
        running.count += 1
        running.seen.add(step)
        running.latest = step
        self._bind(running, name.rpartition(":")[2], tensors)
        instead = {address: other for one in self._open for address, other in one.scope.instead.items()}
        if not any(address in instead for address, _ in tensors):
            return None
        return [instead.get(address, tensor) for address, tensor in tensors]

    def gives(self, values: List[Any]) -> Optional[List[Any]]:
        """Take note of what an operation gave; return what is to take the place of it, None where it stays."""
        running = self._running
        if running is None:
            return None
        running.values = values
        self._know(running.scope, values)
        if self._last.get(running.key) != running.count or not self._fits(running):
            return None
        running.told = True
        return running.values if self._tell(running) else None

    def called(self, addresses: Sequence[int], value: Any) -> Any:
        """Take note of a module call that is over; return what its caller is to get."""
        self.reads("", addresses, 0, [])
        other = self.gives([value])
        return value if other is None else other[0]

    def _bind(self, running: _Open, operation: str, tensors: Tensors) -> None:
        """Say which names of a function the tensors are that it reads and has not made: its parameters, mostly.

        Only where there are as many of both (in which order they are read, the source says), or where one of them alone has
        a method called that is the operation.
        """
        scope = running.scope
        foreign = dict(one for one in tensors if one[0] not in scope.known and one[0] not in self._state)
        if not foreign or running.called:
            return
        given = {address for address, _ in tensors}
        declared = {*running.key[2].declared, *scope.unseen}
        names = [name for name in running.key[2].reads() if name in declared]
        untold = [n for n in names if n not in scope.names] or [n for n in names if scope.names.get(n) not in given]
        if len(untold) != len(foreign):
            untold = [name for name in untold if running.key[2].calls_on(name, operation)]
        if len(untold) != len(foreign):
            return
        for name, (address, tensor) in zip(untold, foreign.items()):
            self._name(running, name, address, tensor)

    def _name(self, running: _Open, name: str, address: int, tensor: Any) -> Any:
        """Report which tensor a name is, and who handed it over under a name of its own; return what takes its place."""
        scope, outer = running.scope, running.caller
        theirs = self._handed_as(running, name)
        if outer is not None and theirs in {*outer.key[2].declared, *outer.scope.unseen} - set(outer.scope.names):
            tensor = self._name(outer, theirs, address, tensor)
        place = scope.unseen.pop(name, None) or self._parameter(running, name)
        scope.known[address] = tensor
        scope.names[name] = address
        new = self._assigned(place, tensor, self._where(running, place))
        if new is not tensor:
            _check_form(place, tensor, new)
            scope.instead[address] = new
        return new

    def _handed_as(self, running: _Open, name: str) -> str:
        """Return under which name the caller has what it hands for a parameter, an empty word where it has none."""
        function, _, statement = running.key
        if running.caller is None or name not in statement.declared:
            return ""
        handed = running.caller.key[2].handed(function.rpartition(".")[2])
        number = statement.declared.index(name)
        return handed[number] if number < len(handed) and handed[number].isidentifier() else ""

    def _begin(self, running: _Open) -> None:
        """Report the parameters of a function that begins which are variables of its caller's."""
        for name in running.key[2].declared if running.caller else ():
            theirs = running.caller.scope if running.caller else running.scope
            address = theirs.names.get(self._handed_as(running, name), UNKNOWN)
            if address in theirs.known:
                self._name(running, name, address, theirs.instead.get(address, theirs.known[address]))

    def _parameter(self, running: _Open, name: str) -> Place:
        function, file, statement = running.key
        return self._place_of(
            (function, file, statement._replace(names=(), code="")), name, "parameter", statement.first
        )

    def _where(self, running: _Open, place: Place) -> Line:
        """Return where a variable got its value: a parameter where the function was called."""
        if place.kind != "parameter":
            return place.line
        caller = running.caller
        return (caller.key[1], caller.key[2].first) if caller else (place.file, place.line)

    def _know(self, scope: _Scope, values: List[Any]) -> None:
        for value in _tensors(values):
            scope.known[self._runtime.address_of(value)] = value

    def _enter(self, chain: List[Key], step: Way, indexing: bool) -> None:
        """Close the statements that are over, and open those that begin."""
        same = 0
        while same < min(len(chain), len(self._open)) and self._open[same].key == chain[same]:
            same += 1
        if same == len(chain):
            running = self._open[same - 1]
            within = len(self._open) == same and indexing and running.latest == step
            same -= step in running.seen and not within  # the same operation once more: another time round a loop
        before = self._open[same] if len(self._open) > same else None
        self._close(same)
        for key in chain[same:]:
            if self._open:
                self._open[-1].called = True
            goes_on = before is not None and before.key[0] == key[0] and len(self._open) == same
            scope = before.scope if before is not None and goes_on else _Scope()
            self._open.append(_Open(key, scope, self._open[-1] if self._open else None))
            if not goes_on:
                self._begin(self._open[-1])

    def _close(self, left: int) -> None:
        while len(self._open) > left:
            over = self._open.pop()
            known = self._last.setdefault(over.key, over.count)
            if known != over.count:
                self._last[over.key] = UNKNOWN
            if self._open:  # what a function returns is what its caller's statement has, unless more comes
                self._open[-1].values = over.values if over.key[2].kind == "return" else None
            seen = over.told
            if not seen and over.values is not None and self._fits(over) and self._is_held(over.values):
                self._tell(over)
                seen = True
            if not seen:
                self._miss(over)

    def _miss(self, over: _Open) -> None:
        """Keep in mind which names were assigned what nobody has seen."""
        self._tell_unseen(over)
        for name in over.key[2].names:
            over.scope.names.pop(name, None)
            over.scope.unseen[name] = self._place(over.key, name)

    def _fits(self, running: _Open) -> bool:
        names, values = running.key[2].names, running.values or []
        return len(names) == 1 or (len(names) > 1 and len(names) == len(_several(values)))

    def _is_held(self, values: List[Any]) -> bool:
        """Tell whether somebody beside this code holds what an operation gave."""
        return all(self._runtime.holders(tensor) > 1 for tensor in _tensors(values))

    def _tell(self, running: _Open) -> bool:
        """Report what a statement assigns; tell whether another value takes the place of some."""
        names, values = running.key[2].names, running.values or []
        whole = len(names) == 1
        found = [values[0] if len(values) == 1 else tuple(values)] if whole else _several(values)
        self._tell_unseen(running)
        new = [self._assigned(self._place(running.key, n), v, running.key[2].first) for n, v in zip(names, found)]
        for name, value in zip(names, new):
            running.scope.unseen.pop(name, None)
            self._know(running.scope, [value])
            tensors = _tensors([value])
            running.scope.names[name] = self._runtime.address_of(tensors[0]) if len(tensors) == 1 else UNKNOWN
        if all(one is other for one, other in zip(new, found)):
            return False
        for name, own, other in zip(names, found, new):
            _check_form(self._place(running.key, name), own, other)
        nested = whole == (len(values) > 1)
        running.values = ([tuple(new)] if not whole else list(new[0])) if nested else new
        return True

    def _tell_unseen(self, running: _Open) -> None:
        """Report what a statement reads that nobody has seen: it is there, and unknown."""
        scope, statement = running.scope, running.key[2]
        for name in statement.reads():
            declared = {name, OTHER + name}.intersection(statement.declared) and name not in scope.names
            if name in scope.unseen or declared:
                place = scope.unseen.pop(name, None) or self._parameter(running, name)
                scope.names[name] = UNKNOWN
                self._assigned(place, Unseen(), self._where(running, place))

    def _place(self, key: Key, name: str) -> Place:
        return self._place_of(key, name, key[2].kind, key[2].first)

    def _place_of(self, key: Key, name: str, kind: str, line: int) -> Place:
        if (key, name) not in self._of:
            self._of[key, name] = Place(key[0], name, line, key[1], kind, True)
            self.places.append(self._of[key, name])
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


def _check_form(place: Place, own: Any, other: Any) -> None:
    """Raise ValueError where a value cannot stand where compiled code has its own: it may be of another length or kind."""
    ours, theirs = _tensors(own), _tensors(other)
    same = type(own) is type(other) and [(t.shape, t.dtype) for t in ours] == [(t.shape, t.dtype) for t in theirs]
    if ours and not same:
        raise ValueError(
            "%s of %s cannot take the reference's value, which has another form" % (place.variable, place.function)
        )


def _several(values: List[Any]) -> List[Any]:
    """Return the parts of what several names are assigned: of one tuple its own."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def _tensors(value: Any) -> List[Any]:
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in _tensors(part)]
    if isinstance(value, dict):
        return _tensors(list(value.values()))
    return [value] if hasattr(value, "data_ptr") else []


@functools.lru_cache(maxsize=None)
def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
