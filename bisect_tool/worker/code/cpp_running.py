"""What of a port in C++ runs: functions, and the statement of each that is at work."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..arrays import trees
from .cpp_statement import Statement
from .rewriting import Place

UNKNOWN = -1


class Key(NamedTuple):
    """A statement of a function, in a file."""

    function: str
    file: str
    statement: Statement


class Step(NamedTuple):
    """An operation or call: at which addresses of the user's own statements, and by which way from there."""

    site: Tuple[int, ...]
    way: Tuple[int, ...]


class Scope:
    """A function that runs: which tensor each of its names is (its address), all that it knows, and what takes the place of some.

    ``unseen`` are names that were assigned something that nobody saw, each with the place of that.
    """

    def __init__(self) -> None:
        self.names: Dict[str, int] = {}
        self.known: Dict[int, Any] = {}  # kept, so that no other tensor gets its address
        self.instead: Dict[int, Any] = {}
        self.unseen: Dict[str, Place] = {}
        self.call: Optional[str] = None  # the site of the call of it, where not all that it hands over is known
        self.kept: List[Any] = []  # tensors that others take the place of: no other may get their addresses

    def value(self, name: str) -> Any:
        """Return the tensor that a name is, None where that is not known."""
        return self.known.get(self.names.get(name, UNKNOWN))


class Running:
    """A statement that runs, and the one around it: how many operations and calls were its own so far, and what they gave."""

    def __init__(self, key: Key, scope: Scope, caller: Optional[Running]) -> None:
        self.key = key
        self.scope = scope
        self.caller = caller
        self.count = 0
        self.seen: Set[Step] = set()  # by which ways
        self.latest: Optional[Step] = None
        self.values: Optional[List[Any]] = None  # of the last one, or of the function that was called last
        self.every: List[Any] = []  # the tensors that its own ones gave
        self.told = False
        self.called = False  # a function of the user's own
        self.outer: Tuple[int, ...] = ()  # the addresses of those around it
        self.read: Dict[str, None] = {}  # the variables that its operations read


def is_tensor(value: Any) -> bool:
    """Tell whether a part of a value is a tensor."""
    return hasattr(value, "data_ptr")


def tensors_in(value: Any) -> List[Any]:
    """Return the tensors of a nested value."""
    return [tensor for _, tensor in trees.leaves(value, is_tensor)]


def several(values: List[Any]) -> List[Any]:
    """Return the parts of what several names are assigned: of one tuple its own."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def listed(parts: Sequence[Any], keys: Sequence[str]) -> List[Any]:
    """Return what a function gives that returns a list of parts, or a map of them."""
    return [dict(zip(keys, parts))] if keys else list(parts) if len(parts) == 1 else [tuple(parts)]


def check_form(place: Place, own: Any, other: Any) -> None:
    """Raise ValueError where a value cannot stand where compiled code has its own: it may be of another length or kind."""
    ours, theirs = tensors_in(own), tensors_in(other)
    same = type(own) is type(other) and [(t.shape, t.dtype) for t in ours] == [(t.shape, t.dtype) for t in theirs]
    if ours and not same:
        raise ValueError(
            "%s of %s cannot take the reference's value, which has another form" % (place.variable, place.function)
        )
