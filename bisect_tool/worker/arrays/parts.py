"""What a structured value is made of: its parts by name, and the same value with other parts."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import numpy as np

SEQUENCES = (list, tuple, collections.deque)
Parts = List[Tuple[Any, Any]]  # name or position, part

SCALARS = (bool, int, float, str, type(None))
SETTINGS = (complex, bytes, range, slice, type(Ellipsis), type, enum.Enum, np.dtype, np.generic)
SETTING_CLASSES = {"dtype", "device", "layout", "memory_format", "NanoString"}  # of torch and Jittor
KEYS = (str, int, float, bytes, enum.Enum, type(None))  # spelled the same in every run
DEEPEST = 3  # containers within each other in what an object has for an attribute


class Opener(NamedTuple):
    """What opens a kind of value that a framework has, and makes it again.

    ``children`` gives its parts, None for another kind of value; ``layout`` all else that is to be known of it, and ``rebuilt``
    makes one of a layout and other parts, None where they are no tensors.
    """

    children: Callable[[Any], Optional[List[Any]]]
    layout: Callable[[Any], Any]
    rebuilt: Callable[[Any, List[Any]], Any]


OPENERS: List[Opener] = []  # of the framework that the worker has


class Opened:
    """What stands for such a value while something else stands for its tensors."""

    def __init__(self, opener: Opener, layout: Any, items: List[Any]) -> None:
        self.opener = opener
        self.layout = layout
        self.items = items


def is_setting(value: Any) -> bool:
    """Tell whether a value says how something is computed (a dtype, a device, a slice), and holds nothing itself."""
    return isinstance(value, SETTINGS) or type(value).__name__ in SETTING_CLASSES


def children(value: Any) -> Parts | None:
    """Return (name, part) for every part of a structured value, None for one that has no parts or cannot be opened.

    Opened are lists, tuples, deques, dicts, dataclasses, objects that only hold arrays, in containers too, and what a framework
    has an opener for.
    """
    if isinstance(value, dict):
        return list(value.items()) if all(_is_key(key) for key in value) else None
    if isinstance(value, SEQUENCES):
        return list(zip(getattr(value, "_fields", range(len(value))), value))
    opened = _opened(value)
    if opened is not None:
        return list(enumerate(opened.items))
    names = _attributes(value)
    return None if names is None else [(name, getattr(value, name)) for name in names]


def kind_of(value: Any) -> str:
    """Return what a value with ``children`` is: "list", "tuple", "named" (a named tuple), "dict" or "object"."""
    if isinstance(value, dict):
        return "dict" if all(isinstance(key, (str, int)) for key in value) else "object"
    if isinstance(value, (list, collections.deque)):
        return "list"
    if isinstance(value, tuple):
        return "named" if hasattr(value, "_fields") else "tuple"
    return "object"


def rebuilt(value: Any, items: list[Any]) -> Any:
    """Return a value of the same class with other parts, in the order of ``children``."""
    if isinstance(value, dict):
        return _like_dict(value, items)
    if isinstance(value, SEQUENCES):
        return _like_sequence(value, items)
    opened = _opened(value)
    if opened is not None:
        made = opened.opener.rebuilt(opened.layout, items)
        return Opened(opened.opener, opened.layout, items) if made is None else made
    before = children(value) or []
    if all(new is old for new, (_, old) in zip(items, before)):
        return value  # somebody else may hold it too
    like = copy.copy(value)
    for (name, _), item in zip(before, items):
        object.__setattr__(like, name, item)  # a frozen dataclass too
    return like


def _opened(value: Any) -> Opened | None:
    if isinstance(value, Opened):
        return value
    for opener in OPENERS if _is_array(value) else ():
        found = opener.children(value)
        if found is not None:
            return Opened(opener, opener.layout(value), found)
    return None


def _is_key(key: Any) -> bool:
    return isinstance(key, KEYS) or (isinstance(key, tuple) and all(map(_is_key, key)))


def _attributes(value: Any) -> list[str] | None:
    if isinstance(value, type) or _is_array(value):
        return None
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
    held = getattr(value, "__dict__", None)
    if not isinstance(held, dict) or callable(value) or not any(map(_has_arrays, held.values())):
        return None  # what is called has code of its own: a module, a function
    return list(held) if all(_only_holds(item) for item in held.values()) else None


def _is_array(value: Any) -> bool:
    return hasattr(type(value), "shape") and hasattr(type(value), "dtype")


def _has_arrays(value: Any, depth: int = DEEPEST) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, SEQUENCES) else ()
    return _is_array(value) or (depth > 0 and any(_has_arrays(item, depth - 1) for item in inner))


def _only_holds(value: Any, depth: int = DEEPEST) -> bool:
    if isinstance(value, (dict, *SEQUENCES)):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_only_holds(item, depth - 1) for item in inner)
    return _is_array(value) or isinstance(value, SCALARS) or is_setting(value)


def _like_dict(value: dict[Any, Any], items: list[Any]) -> Any:
    changed = dict(zip(value, items))
    if type(value) is dict:
        return changed
    like = copy.copy(value)  # a class of its own, such as an output that is read by attribute
    held = getattr(value, "__dict__", {})
    for key, item in changed.items():
        by_attribute = key in held and held[key] is value[key]
        dict.__setitem__(like, key, item)
        if by_attribute:
            object.__setattr__(like, key, item)
    return like


def _like_sequence(value: Any, items: list[Any]) -> Any:
    if isinstance(value, list):
        return items
    if isinstance(value, collections.deque):
        return collections.deque(items, value.maxlen)
    try:
        like = tuple.__new__(type(value), items)  # code of the class's own may look at what only stands for a tensor
    except TypeError:  # a class in C, such as that of what max() returns
        return _called_with(type(value), items)
    if hasattr(value, "__dict__"):
        vars(like).update(vars(value))
    return like


def _called_with(kind: type, items: list[Any]) -> Any:
    try:
        return kind(items)  # torch.Size is a tuple that can do more
    except (TypeError, ValueError):
        return tuple(items)
