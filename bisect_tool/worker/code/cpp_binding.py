"""Which names of a function in C++ the tensors are that its operations read: parameters, and parts of what functions return.

Compiled code has no names. But an operation that reads a tensor which the function has not made reads one of those names that
stand in its statement and are not known yet. Where more than one may be meant, nothing is said.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .cpp_running import UNKNOWN, Key, Running, check_form
from .cpp_source import last_written, text_of
from .cpp_statement import OTHER
from .rewriting import Place
from .watching import Line, Unseen

Tensors = List[Tuple[int, Any]]  # the address of its own, a tensor
Tell = Callable[[Place, Any, Line], Any]


class Binding:
    """Names bound to tensors in one run.

    ``tell(place, value, line)`` reports a variable and returns what takes its place; ``place_of(key, name, kind)`` makes its
    place; ``state`` are the addresses of parameters and buffers of modules.
    """

    def __init__(self, tell: Tell, place_of: Callable[[Key, str, str], Place], state: Set[int]) -> None:
        self._tell = tell
        self._place_of = place_of
        self._state = state

    def read(self, running: Running, operation: str, tensors: Tensors) -> None:
        """Bind names to what an operation reads, where it is clear which is which.

        That is where there are as many of both (in which order they are read, the source says), or where one of them alone has
        a method called that is the operation.
        """
        scope, statement = running.scope, running.key.statement
        foreign: Dict[int, Any] = dict(t for t in tensors if t[0] not in scope.known and t[0] not in self._state)
        if not foreign or running.called:
            return
        given = {address for address, _ in tensors}
        declared = {*statement.declared, *scope.unseen}
        names = [name for name in statement.reads() if name in declared or scope.names.get(name) == UNKNOWN]
        untold = [n for n in names if scope.names.get(n, UNKNOWN) == UNKNOWN]
        untold = untold or [n for n in names if scope.names.get(n) not in given]
        if len(untold) != len(foreign):
            untold = [name for name in untold if statement.calls_on(name, operation)]
        if len(untold) == len(foreign):
            for name, (address, tensor) in zip(untold, foreign.items()):
                if scope.names.get(name) != UNKNOWN:  # it was said already that nobody sees it
                    self._bind(running, name, address, tensor)

    def begin(self, running: Running) -> None:
        """Bind the parameters of a function that begins to what its caller has under names of its own."""
        if running.caller is None:
            return
        theirs = running.caller.scope
        for name in (name for name in running.key.statement.declared if not name.startswith(OTHER)):
            address = theirs.names.get(self._handed_as(running, name), UNKNOWN)
            if address in theirs.known:
                self._bind(running, name, address, theirs.instead.get(address, theirs.known[address]))

    def miss(self, running: Running) -> None:
        """Report what a statement reads that nobody has seen: it is there, and unknown."""
        scope, statement = running.scope, running.key.statement
        for name in statement.reads():
            declared = {name, OTHER + name}.intersection(statement.declared) and name not in scope.names
            written = None if name in scope.names or declared else self._written(running.key, name)
            if name in scope.unseen or declared or written:
                place = written if written and name not in scope.unseen else self._place(running, name)
                scope.names[name] = UNKNOWN
                self._tell(place, Unseen(), self._where(running, place))

    def _bind(self, running: Running, name: str, address: int, tensor: Any) -> Any:
        """Report which tensor a name is, and who handed it over under a name of its own; return what takes its place."""
        scope, outer = running.scope, running.caller
        theirs = self._handed_as(running, name)
        if outer is not None and theirs in {*outer.key.statement.declared, *outer.scope.unseen} - set(
            outer.scope.names
        ):
            tensor = self._bind(outer, theirs, address, tensor)
        place = self._place(running, name)
        scope.known[address] = tensor
        scope.names[name] = address
        new = self._tell(place, tensor, self._where(running, place))
        if new is not tensor:
            check_form(place, tensor, new)
            scope.instead[address] = new
        return new

    def _handed_as(self, running: Running, name: str) -> str:
        """Return under which name the caller has what it hands for a parameter, an empty word where it has none."""
        function, statement = running.key.function, running.key.statement
        if running.caller is None or name not in statement.declared:
            return ""
        handed = running.caller.key.statement.handed(function.rpartition(".")[2])
        number = statement.declared.index(name)
        return handed[number] if number < len(handed) and handed[number].isidentifier() else ""

    def _written(self, key: Key, name: str) -> Optional[Place]:
        """Return where a variable was written last that is none of what is known; None where there is no such variable."""
        found = last_written(text_of(key.file), key.statement, name)
        return None if found is None else self._place_of(key._replace(statement=found), name, "assigned")

    def _place(self, running: Running, name: str) -> Place:
        key = running.key
        unseen = running.scope.unseen.pop(name, None)
        return unseen or self._place_of(
            key._replace(statement=key.statement._replace(names=(), code="")), name, "parameter"
        )

    def _where(self, running: Running, place: Place) -> Line:
        """Return where a variable got its value: a parameter where the function was called."""
        if place.kind != "parameter":
            return place.line
        caller = running.caller
        return (caller.key.file, caller.key.statement.shown) if caller else (place.file, place.line)
