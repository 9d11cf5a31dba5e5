"""Whether a function may read tensors that it is not handed: from globals, from what it closes over, from plain attributes."""

from __future__ import annotations

import inspect
import itertools
from types import FunctionType, ModuleType
from typing import Any, Callable, Collection, Iterator

DEPTH = 3  # of containers, objects and functions that are looked into
MOST = 1000  # values of one of them
OWN = ("_parameters", "_buffers", "_modules")  # of a torch module: its own state, which is given


def may_read_more(compute: Callable[..., Any], method: str, is_tensor: Callable[[Any], bool]) -> bool:
    """Tell whether a module's code, or that of one in it, can reach a tensor that is neither an argument nor the module's state.

    ``compute`` is its method, called ``method`` in every module.
    """
    module: Any = getattr(inspect.unwrap(compute), "__self__", None)
    if not hasattr(module, "modules"):
        return True
    inside = list(module.modules())
    own = {id(one) for one in inside}
    return any(_holds(value, is_tensor, DEPTH, own) for one in inside for value in _reached(one, method, is_tensor))


def _reached(module: Any, method: str, is_tensor: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield what a module's code names, and what it keeps beside its state; in Jittor each tensor that it keeps is state."""
    # Not the instance's own method: that is the one by which the calls are seen.
    yield from _read_by(getattr(type(module), method, None))
    kept = {name: value for name, value in vars(module).items() if name not in (*OWN, method)}
    yield from (value for value in kept.values() if hasattr(module, OWN[0]) or not is_tensor(value))


def _read_by(function: Any) -> Iterator[Any]:
    """Yield the globals that a function names, and what it closes over."""
    if not isinstance(function, FunctionType):
        return
    yield from (function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue


def _holds(value: Any, is_tensor: Callable[[Any], bool], depth: int, own: Collection[int]) -> bool:
    """Tell whether a value is a tensor, or holds one; modules that are asked about by themselves hold their own."""
    if is_tensor(value):
        return True
    if depth == 0 or id(value) in own or isinstance(value, (str, bytes, int, float, type, ModuleType)):
        return False
    if isinstance(value, FunctionType):
        inside = _read_by(value)
    elif isinstance(value, dict):
        inside = iter(list(value.values()))
    elif isinstance(value, (list, tuple, set)):
        inside = iter(list(value))
    else:
        inside = iter(list(vars(value).values()) if hasattr(value, "__dict__") else [])
    return any(_holds(one, is_tensor, depth - 1, own) for one in itertools.islice(inside, MOST))
