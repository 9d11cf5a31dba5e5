"""What lies in a value of the user's, and where a person would say that it lies: a closure, an object's attributes, a list."""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import sys
from collections import deque
from types import CodeType, FunctionType, MethodType, SimpleNamespace
from typing import Any, Dict, Iterator, Tuple

from ..adapters.adapter import Adapter
from .sources import FRAMEWORKS, folders_of_frameworks, is_library

NAMESPACES = (SimpleNamespace, argparse.Namespace)
NOT_OWN = (*FRAMEWORKS, __name__.partition(".")[0], *sys.builtin_module_names)
Named = Tuple[str, Any]  # where a person would say that a value lies: "criterion.bce"


def inside(adapter: Adapter, path: str, value: Any) -> Iterator[Named]:
    """Yield what lies in a value. What code names by itself begins a path of its own."""
    if isinstance(value, FunctionType):
        yield from _named_by(value)
    elif isinstance(value, MethodType):
        yield from ((path, value.__self__), ("", value.__func__))
    elif isinstance(value, functools.partial):
        yield from ((path, value.func), *_handed(value))
    elif isinstance(value, (staticmethod, classmethod)):
        yield path, value.__func__
    elif isinstance(value, property):
        yield from ((path, one) for one in (value.fget, value.fset) if one is not None)
    elif isinstance(value, dict):
        yield from ((_at(path, key), one) for key, one in dict.items(value) if isinstance(key, (str, int)))
    elif isinstance(value, (list, tuple, deque)):
        names = getattr(type(value), "_fields", range(len(value)))
        yield from ((_at(path, name), one) for name, one in zip(names, value))
    elif adapter.is_module(value):
        yield from () if adapter.is_library(value) else _of_module(path, value)
    elif isinstance(value, NAMESPACES) or _is_own(type(value).__module__):
        yield from ((_at(path, key), one) for key, one in _attributes(value).items())
        yield from _of_class(path, type(value))


def _at(path: str, key: Any) -> str:
    return "%s.%s" % (path, key) if path else str(key)


def _attributes(value: Any) -> Dict[str, Any]:
    """Return what an object holds, no code of its own being asked."""
    found = dict(getattr(value, "__dict__", {}))
    for each in type(value).__mro__:
        slots = vars(each).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            try:
                found[name] = object.__getattribute__(value, name)
            except AttributeError:  # not assigned yet, or spelled otherwise
                continue
    return found


def _of_module(path: str, module: Any) -> Iterator[Named]:
    """Yield what a module of the user's own keeps beside its state. The framework's may keep its settings in another one."""
    yield from ((_at(path, key), one) for key, one in vars(module).items() if key[:1] != "_")
    yield from _of_class(path, type(module))


def _of_class(path: str, kind: type) -> Iterator[Named]:
    """Yield what an object's own classes hold: methods, and attributes that all objects share."""
    for each in kind.__mro__:
        if _is_own(each.__module__):
            yield from ((_at(path, key), one) for key, one in list(vars(each).items()))


def _named_by(function: FunctionType) -> Iterator[Named]:
    """Yield what a function closes over and has as defaults, and the globals that its code names where that is the user's."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    yield from zip(arguments[len(arguments) - len(defaults) :], defaults)
    yield from (function.__kwdefaults__ or {}).items()
    yield from (("", one) for key, one in vars(function).items() if key == "__wrapped__")
    known = function.__globals__
    if _is_own(str(known.get("__name__"))):
        yield from ((name, known[name]) for name in dict.fromkeys(_names(function.__code__)) if name in known)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _handed(partial: Any) -> Iterator[Named]:
    code = getattr(partial.func, "__code__", None)
    names = code.co_varnames if code is not None else map(str, itertools.count())
    yield from zip(names, partial.args)
    yield from partial.keywords.items()


@functools.lru_cache(maxsize=None)
def _is_own(module: str) -> bool:
    """Tell whether what a Python module holds is neither a framework's, nor the standard library's, nor this tool's."""
    top = module.partition(".")[0]
    if top in NOT_OWN:
        return False
    file = os.path.realpath(getattr(sys.modules.get(top), "__file__", None) or "")
    return not is_library(file, folders_of_frameworks())
