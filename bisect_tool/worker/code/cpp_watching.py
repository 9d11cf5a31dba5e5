"""Variables of C++ code: what a statement assigns is what its last operation, or the last call in it, gives.

Nobody can look at variables of compiled code. But every operation of libtorch tells by its backtrace in which statement it
stands, and the source of that which variable it assigns. What nobody holds once the statement is over was no variable's value,
and is none here. What was assigned without an operation of its own is seen where one reads it (``cpp_binding``).
"""

from __future__ import annotations

import contextlib
import re
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ..arrays import trees
from .cpp_binding import Binding, Tensors
from .cpp_chains import Chains
from .cpp_flow import At, Flow
from .cpp_running import UNKNOWN, Key, Running, Scope, Step, check_form, is_tensor, listed, several, tensors_in
from .cpp_source import return_after, text_of
from .cpp_statement import NOWHERE, OTHER
from .rewriting import Place
from .watching import Assigned, Caught, Line, Unseen, Where

WRITES = re.compile(r"[^_]_$")  # `aten::mul_`
# Functions of libtorch have loops of these in them: `x.index({...})`, `torch::tensor({...})`.
INSIDE = ("aten::select", "aten::slice", "aten::unsqueeze", "aten::index", "aten::fill_", "aten::copy_")


class CppWatcher:
    """The functions of a port in C++. Attributes as of ``watching.Watcher``.

    ``runtime`` is the port's. A variable takes another value if it is known from an earlier run which operation is the
    statement's last; a parameter, where operations read it.
    """

    def __init__(self, is_watched: Callable[[str], bool], runtime: Any) -> None:
        self.places: List[Place] = []
        self.skipped: Dict[str, str] = {}
        self._runtime = runtime
        self._chains = Chains(is_watched, runtime.place_of, self.skipped)
        self._of: Dict[Tuple[Key, str], Place] = {}
        self._last: Dict[Key, int] = {}  # which of its operations is a statement's last
        self._open: List[Running] = []  # in the call that runs, the outermost first
        self._around: List[List[Running]] = []
        self._running: Optional[Running] = None  # in which an operation has begun
        self._called_at: Optional[Where] = None
        self._nowhere = False  # it is not known in which statement
        self._assigned: Assigned = lambda _place, value, _line: value
        self._binding = Binding(self._say, self._place_of, set())
        self._flow = Flow()
        self._at: At = ("", 0)  # of the operation that has begun
        self._operation = ""
        self._read_tensors: Tensors = []
        self._returned: Dict[int, Any] = {}  # what takes the place of what the last function without a caller returned

    @contextlib.contextmanager
    def watching(self, assigned: Assigned, _caught: Caught) -> Iterator[None]:
        """Call ``assigned(place, value, line)`` after every assignment that can be seen; see ``watching.Watcher``."""
        before, self._assigned = self._assigned, assigned
        self._open, self._around, self._running, self._returned = [], [], None, {}
        self._binding = Binding(self._say, self._place_of, set(self._runtime.state()))
        self._flow = Flow()
        self._runtime.trace_by(self)
        try:
            yield
            self._close(0)
        finally:
            self._runtime.trace_by(None)
            self._assigned, self._open, self._around, self._returned = before, [], [], {}

    def given_back(self, value: Any) -> Any:
        """Return what the step gives back once it is over, with the tensors that take the place of its own."""
        self._close(0)
        if not self._returned:
            return value
        instead = self._returned
        return trees.map_leaves(value, is_tensor, lambda t: instead.get(self._runtime.address_of(t), t))

    def caller(self) -> Optional[Where]:
        """Return (file, line) of the statement that makes the call which has begun last; None where it is not known."""
        return self._called_at

    def enter(self, addresses: Sequence[int]) -> None:
        """Take note that a module call begins: what runs in it is no part of the statement that makes it."""
        keys = self._chains.of(addresses).keys
        self._called_at = (keys[-1].file, keys[-1].statement.shown) if keys else None
        self._around.append(self._open)
        self._open = []

    def leave(self) -> None:
        """Take note that it is over."""
        self._close(0)
        self._open = self._around.pop()

    def reads(self, name: str, addresses: Sequence[int], way: int, tensors: Tensors) -> Optional[List[Any]]:
        """Take note of an operation that begins, and what it reads; return what is to be read instead, None where that stays."""
        keys, at, first = self._chains.of(addresses)
        self._running = None
        if not keys:
            return None
        step = Step(tuple(addresses[first:]), (*addresses[:first], way))
        self._at, self._operation = at, name
        self._enter(keys, step, name in INSIDE)
        running = self._running = self._open[-1]
        self._read_tensors = tensors
        self._nowhere = keys[-1].statement.kind == NOWHERE
        if not self._nowhere:
            running.count += 1
            running.seen.add(step)
            running.latest = step
            self._note_reads(running, tensors)
            self._binding.read(running, name.rpartition(":")[2], tensors)
        instead = {address: other for one in self._open for address, other in one.scope.instead.items()}
        if not any(address in instead for address, _ in tensors):
            return None
        return [instead.get(address, tensor) for address, tensor in tensors]

    def gives(self, values: List[Any]) -> Optional[List[Any]]:
        """Take note of what an operation gave; return what is to take the place of it, None where it stays."""
        running = self._running
        if running is None:
            return None
        self._know(running.scope, values)
        self._made(values, running, self._at)
        if WRITES.search(self._operation) and self._read_tensors:
            self._flow.written(self._read_tensors[0][1], running, self._at)
            self._forget(running, self._read_tensors[0][0])
        if self._nowhere:
            return None
        running.values = values
        running.every += tensors_in(values)
        if self._last.get(running.key) != running.count or not self._fits(running):
            return None
        running.told = True
        return running.values if self._tell(running, over=False) else None

    def called(self, addresses: Sequence[int], value: Any) -> Any:
        """Take note of a module call that is over; return what its caller is to get."""
        self.reads("", addresses, 0, [])
        other = self.gives([value])
        return value if other is None else other[0]

    def _say(self, place: Place, value: Any, line: Line) -> Any:
        """Report a variable; return what takes its place."""
        handed = place.kind == "parameter" and not isinstance(value, Unseen)
        origin = self._flow.origin(self._runtime.address_of(value), value) if handed else None
        if handed:
            place.read = [origin.site] if origin is not None and origin.site else []
        new = self._assigned(place, value, line)
        if origin is not None:
            self._made(value, origin.running, origin.at, place.site)
        return new

    def _made(self, values: Any, running: Running, at: At, site: str = "") -> None:
        for tensor in tensors_in(values):
            self._flow.made(self._runtime.address_of(tensor), running, at, site)

    def _note_reads(self, running: Running, tensors: Tensors) -> None:
        """Keep in mind which variables an operation reads; what has no name is one that nobody has seen."""
        for address, tensor in tensors:
            origin = self._flow.origin(address, tensor)
            if origin is not None and origin.running is not running:
                origin.site = origin.site or self._unnamed(running.key.function, origin.at, list(origin.running.read))
                running.read[origin.site] = None

    def _unnamed(self, function: str, at: At, read: List[str]) -> str:
        """Report a value without a name, made at a line; return what it is called."""
        place = Place(function, "unnamed", at[1], at[0], "assigned", replaceable=False)
        place.read = read
        self._assigned(place, Unseen(), at[1])
        return place.site

    def _reads_of(self, running: Running) -> List[str]:
        """Return the variables that a statement has read; the call of its function too, where not all is known that it hands over."""
        scope, caller = running.scope, running.caller
        declared = [name.lstrip(OTHER) for name in running.key.statement.declared]
        known = bool(declared) and all(scope.value(name) is not None for name in declared)
        if caller is not None and not known:
            if scope.call is None:
                at = (caller.key.file, caller.key.statement.shown)
                scope.call = self._unnamed(running.key.function, at, self._reads_of(caller))
            running.read[scope.call] = None
        return [site for site in running.read if site]

    def _forget(self, running: Running, address: int) -> None:
        """Take note that all other names of a tensor that was written into hold another value, which nobody has seen."""
        for one in self._open:
            others = [
                n for n, known in one.scope.names.items() if known == address and n not in running.key.statement.names
            ]
            for name in others:
                del one.scope.names[name]
                one.scope.unseen[name] = self._place_of(running.key, name, "assigned")

    def _know(self, scope: Scope, values: Any) -> None:
        for value in tensors_in(values):
            scope.known[self._runtime.address_of(value)] = value

    def _enter(self, chain: List[Key], step: Step, inside: bool) -> None:
        """Close the statements that are over, and open those that begin."""
        same = 0
        while same < min(len(chain), len(self._open)) and self._is_at(self._open[same].key, chain[same]):
            same += 1
        if same == len(chain):
            running = self._open[same - 1]
            # The same operation once more is another time round a loop, of the user's or inside a function that is called.
            called = len(self._open) == same and running.latest is not None and running.latest.site == step.site
            same -= step in running.seen and not (called and (inside or running.latest != step))
        before = self._open[same] if len(self._open) > same else None
        goes_on = before is not None and same < len(chain) and before.key.function == chain[same].function
        if before is not None and same == len(chain) - 1 and before.outer not in ((), step.site[1:]):
            goes_on = False  # the same function, called once more
        self._close(same, goes_on=goes_on)
        for key in chain[same:]:
            caller = self._open[-1] if self._open else None
            if caller is not None:
                caller.called = True
            scope = before.scope if before is not None and goes_on else Scope()
            self._open.append(Running(key, scope, caller))
            if not goes_on:
                self._binding.begin(self._open[-1])
            goes_on = False
        if self._open:
            self._open[-1].outer = step.site[1:]

    def _is_at(self, running: Key, key: Key) -> bool:
        return running == key or (key.statement.kind == NOWHERE and running[:2] == key[:2])

    def _close(self, left: int, *, goes_on: bool = False) -> None:
        """Close statements until so many are left; ``goes_on``: the function of the last of them does."""
        while len(self._open) > left:
            over = self._open.pop()
            known = self._last.setdefault(over.key, over.count)
            if known != over.count:
                self._last[over.key] = UNKNOWN
            held = over.values is not None and self._fits(over) and self._is_held(over.values)
            if held and not over.told:
                self._tell(over, over=True)
            elif not over.told:
                self._miss(over)
            for name in over.key.statement.beside:
                over.scope.names.pop(name, None)
                over.scope.unseen[name] = self._place_of(over.key, name, "assigned")
            if len(self._open) > left or not goes_on:
                self._return(over)

    def _return(self, over: Running) -> None:
        """Hand what a function returns, whose last statement with an operation is over, to its caller's statement."""
        key, scope = over.key, over.scope
        if key.statement.kind != "return":
            found = return_after(text_of(key.file), key.statement)
            key, over.values = key if found is None else key._replace(statement=found), None
        if key.statement.kind == "return" and (over.values is None or key.statement.parts):
            parts = [scope.value(name) for name in key.statement.parts]
            every = [tensor for tensor in dict.fromkeys(over.every) if self._is_held([tensor])]
            parts = parts if None not in parts else every if len(every) == len(parts) and key is over.key else []
            over.values = listed(parts, key.statement.keys) if parts else None
            value, place = Unseen() if over.values is None else over.values[0], self._place_of(key, "return", "return")
            place.read = self._reads_of(over)
            self._read_instead(scope, place, value, self._say(place, value, place.line))
            self._made(over.values, over, (key.file, place.line), place.site)
        own = {self._runtime.address_of(tensor): tensor for tensor in tensors_in(over.values)}
        instead = {address: scope.instead[address] for address in own if address in scope.instead}
        if over.caller is None:
            self._returned = instead
            return
        over.caller.count += 1  # what a function gives may be the last that its caller's statement sees
        over.caller.values = over.values
        over.caller.scope.instead.update(instead)
        over.caller.scope.kept += [own[address] for address in instead]

    def _miss(self, over: Running) -> None:
        """Keep in mind which names were assigned what nobody has seen."""
        self._binding.miss(over)
        for name in over.key.statement.names:
            over.scope.names.pop(name, None)
            if over.key.statement.kind == "assigned":
                over.scope.unseen[name] = self._place_of(over.key, name, over.key.statement.kind)

    def _fits(self, running: Running) -> bool:
        names, values = running.key.statement.names, running.values or []
        if running.key.statement.kind == "changed":
            return running.scope.value(names[0]) is not None
        if not tensors_in(values) and not running.key.statement.is_number():
            return False  # it may be computed further, which nobody sees
        return len(names) == 1 or (len(names) > 1 and len(names) == len(several(values)))

    def _is_held(self, values: List[Any]) -> bool:
        """Tell whether somebody beside this code holds what an operation gave."""
        return all(self._runtime.holders(tensor) > 1 for tensor in tensors_in(values))

    def _read_instead(self, scope: Scope, place: Place, own: Any, other: Any) -> None:
        """Let operations read another value where compiled code has its own."""
        if own is not other:
            check_form(place, own, other)
            pairs = zip(tensors_in(own), tensors_in(other))
            scope.instead.update({self._runtime.address_of(mine): theirs for mine, theirs in pairs})

    def _tell(self, running: Running, *, over: bool) -> bool:
        """Report what a statement assigns; tell whether another value takes the place of what its last operation gave.

        Where the statement is ``over`` its variable holds it already, and another one is read in its place.
        """
        names, values, scope = running.key.statement.names, running.values or [], running.scope
        kind, whole = running.key.statement.kind, len(names) == 1
        found = [values[0] if len(values) == 1 else tuple(values)] if whole else several(values)
        if kind == "changed":  # in part: it is looked at as a whole
            found = [scope.value(names[0])]
        self._binding.miss(running)
        places = [self._place_of(running.key, name, kind) for name in names]
        for place in places:
            place.read = self._reads_of(running)
        new = [self._say(place, value, place.line) for place, value in zip(places, found)]
        late = over or kind == "changed"
        for place, own, other in zip(places, found, new):
            if late:
                self._read_instead(scope, place, own, other)
            elif own is not other:
                check_form(place, own, other)
            self._name(scope, place.variable, own if late else other)
            self._made(own if late else other, running, (place.file, place.line), place.site)
        if late or all(one is other for one, other in zip(new, found)):
            return False
        nested = whole == (len(values) > 1)
        running.values = ([tuple(new)] if not whole else list(new[0])) if nested else new
        return True

    def _name(self, scope: Scope, name: str, value: Any) -> None:
        scope.unseen.pop(name, None)
        self._know(scope, value)
        tensors = tensors_in(value)
        scope.names[name] = self._runtime.address_of(tensors[0]) if value is (tensors or [None])[0] else UNKNOWN

    def _place_of(self, key: Key, name: str, kind: str) -> Place:
        if (key, name) not in self._of:
            self._of[key, name] = Place(key.function, name, key.statement.shown, key.file, kind, True)
            self.places.append(self._of[key, name])
        return self._of[key, name]
