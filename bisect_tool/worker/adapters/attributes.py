"""Which attributes of a module are its settings, in any framework."""

from __future__ import annotations

import dis
import functools
import inspect
import re
from types import CodeType, FunctionType
from typing import Any, FrozenSet, Iterator

import numpy as np

LONGEST = 40  # characters or numbers: what is longer is data, or a place on this machine
# Where something lies ("nn.modules.Conv", "models/net.py", "<class 'Conv'>"), which differs between two faithful models.
PLACE = re.compile(r"[/\\<>]|^[^\W\d]\w*(\.[^\W\d]\w*)+$")
ANYTHING = "*"


def settings(module: Any, base: type, but: FrozenSet[str]) -> dict[str, Any]:
    """Return a module's public attributes that are plain and that its class's own code assigns, without ``but``.

    What others wrote on a module (its place in a list, how many parameters it has) is no setting of it.
    """
    class_: Any = type(module)
    assigned = assigned_by(class_, base)
    return {
        key: plain(value)
        for key, value in vars(module).items()
        if not key.startswith("_") and key not in but and is_plain(value) and not assigned.isdisjoint((key, ANYTHING))
    }


@functools.lru_cache(maxsize=None)
def assigned_by(class_: type, base: type) -> FrozenSet[str]:
    """Return what a class's code, or that of a class it is derived from below ``base``, assigns as an attribute.

    ``ANYTHING`` where a user's code does not spell it. (The framework's does that with parameters alone.)
    """
    found = set()
    for each in class_.__mro__:
        if not issubclass(base, each):
            users = each.__module__.split(".")[0] != base.__module__.split(".")[0]
            for code in [code for value in vars(each).values() for code in _codes(value)]:
                found |= {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"}
                found |= {ANYTHING} if users and _assigns_by_name(code) else set()
    return frozenset(found)


def _codes(value: Any) -> Iterator[CodeType]:
    """Yield the code of a method, behind decorators too, and that of the functions in it."""
    if isinstance(value, (staticmethod, classmethod, property)):
        value = value.fset if isinstance(value, property) else value.__func__
    code = inspect.unwrap(value).__code__ if isinstance(value, FunctionType) else value
    if isinstance(code, CodeType):
        yield code
        for inner in code.co_consts:
            yield from _codes(inner)


def _assigns_by_name(code: CodeType) -> bool:
    """Tell whether code may assign attributes that it does not spell: those of a dict of settings."""
    return "setattr" in code.co_names or {"__dict__", "update"} <= {*code.co_names}


def is_plain(value: Any) -> bool:
    """Tell whether a value is None, a number, a short word that is no place, or a short list of numbers."""
    if isinstance(value, str):
        return len(value) <= LONGEST and not PLACE.search(value)
    if isinstance(value, (list, tuple)):
        return 0 < len(value) <= LONGEST and all(v is None or isinstance(v, (int, float, np.number)) for v in value)
    return value is None or isinstance(value, (bool, int, float, np.number, np.bool_))


def plain(value: Any) -> Any:
    """Return a plain value as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
