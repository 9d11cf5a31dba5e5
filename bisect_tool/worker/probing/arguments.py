"""What a call is handed, by the names of its arguments: one side may pass by position what the other passes by keyword."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

ALL = "*"  # before the name of the argument that takes all further positions


class Arguments(NamedTuple):
    """The arguments of one call of ``compute`` by name; ``call`` turns such a dict back into (args, kwargs)."""

    by_name: Dict[str, Any]
    call: Callable[[Dict[str, Any]], Tuple[Sequence[Any], Dict[str, Any]]]
    compute: Callable[..., Any]

    @property
    def full(self) -> bool:
        """Tell whether the function takes no more than these; what is None was left out."""
        try:
            found = inspect.signature(self.compute).parameters
        except (TypeError, ValueError):  # one that is not written in Python
            return False
        return all(self.by_name.get(name) is not None for name in found)


def parameters(compute: Callable[..., Any]) -> List[str]:
    """Return the names of what a function takes by position, in order; the last may be ``*name``, which takes the rest."""
    try:
        found = list(inspect.signature(compute).parameters.values())
    except (TypeError, ValueError):  # one that is not written in Python
        return []
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names + [ALL + p.name for p in found if p.kind is p.VAR_POSITIONAL]


def named(compute: Callable[..., Any], args: Sequence[Any], kwargs: Dict[str, Any]) -> Arguments:
    """Return the arguments of a call of a function by name."""
    names, count = parameters(compute), len(args)
    places = [spelled(names, index) for index in range(count)]

    def call(arguments: Dict[str, Any]) -> Tuple[Sequence[Any], Dict[str, Any]]:
        return [arguments[place] for place in places], {key: arguments[key] for key in kwargs}

    return Arguments({**dict(zip(places, args)), **kwargs}, call, compute)


def spelled(names: Sequence[str], index: int) -> str:
    """Return the name of the argument at a position; a number where the function gives it none."""
    if names and names[-1].startswith(ALL) and index >= len(names) - 1:
        return "%s.%d" % (names[-1][len(ALL) :], index - len(names) + 1)
    return names[index] if index < len(names) else str(index)


def recorded(names: Sequence[str], path: str) -> str:
    """Return the path of a recorded input ("0.1.x": the second position; "1.mask": a keyword) by the argument's name."""
    kind, _, rest = path.partition(".")
    if kind == "1":
        return rest
    index, _, inside = rest.partition(".")
    name = spelled(names, int(index))
    return "%s.%s" % (name, inside) if inside else name
