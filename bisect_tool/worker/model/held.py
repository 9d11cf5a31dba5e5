"""Modules that ``build`` does not return and ``step`` calls all the same: held by a closure, a criterion or an assigner of a plain class.

They are looked for from ``step`` on, and from the modules that are known. Which of them it calls, one run tells: a second net that is
only kept, or what prepares the data, is no part of the step. A module of a class of the user's own that has no parameters, such as a
criterion, is code like a plain class's: what it holds is looked for, too.
"""

from __future__ import annotations

import itertools
from collections import deque
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Iterable, Iterator, List, Tuple

from ..adapters.adapter import Adapter, Module, Tree
from . import attributes, calls, reachable

if TYPE_CHECKING:
    from .build import Model

DEPTH = 8  # of objects in objects, functions included
MOST = 20000  # values that are opened
MOST_INSIDE = 1000  # of one of them
PLAIN = (str, bytes, int, float, complex, type(None), ModuleType, type)


class Found:
    """What was found: the ``modules`` by name, and the ``attributes`` of all on the way to them, as ``attributes.put_back`` takes them."""

    def __init__(self, adapter: Adapter, tree: Tree) -> None:
        self.modules: Dict[str, Module] = {}
        self.attributes: List[Dict[str, Any]] = []
        self._adapter = adapter
        self._names = {name for name, _, _ in tree}
        self._known = {id(module) for _, module, _ in tree}
        self._seen: Dict[int, Any] = {}  # with the value, so that no other one gets its id

    def walk(self, starts: Iterable[reachable.Named], *, any_state: bool) -> None:
        """Go through all that lies in some values, the nearest first; without ``any_state`` no module with parameters is taken."""
        queue: Deque[Tuple[str, Any, int]] = deque()
        for path, start in starts:
            queue.extend(self._opened(path, start, DEPTH))
        while queue and len(self._seen) < MOST:
            path, value, depth = queue.popleft()
            if id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            try:
                queue.extend(self._next(path, value, depth, any_state))
            except Exception:  # noqa: S112  # what cannot be looked into holds nothing that could be compared
                continue

    def _next(self, path: str, value: Any, depth: int, any_state: bool) -> List[Tuple[str, Any, int]]:
        if self._adapter.is_tensor(value) or id(value) in self._known:
            return []
        left = self._left(path, value, any_state) if self._adapter.is_module(value) else iter([(path, value)])
        return [inside for name, one in left for inside in self._opened(name, one, depth)]

    def _opened(self, path: str, value: Any, depth: int) -> Iterator[Tuple[str, Any, int]]:
        if isinstance(value, (dict, list, deque)):
            self.attributes.append({"": value})
        elif isinstance(getattr(value, "__dict__", None), dict):
            self.attributes.append(vars(value))
        inside = itertools.islice(reachable.inside(self._adapter, path, value), MOST_INSIDE if depth else 0)
        return ((name, one, depth - 1) for name, one in inside if not issubclass(type(one), PLAIN))

    def _left(self, path: str, module: Module, any_state: bool) -> Iterator[reachable.Named]:
        """Take a module, or some that lie in it; yield those that are not taken, which are code like that of a plain class."""
        done: Tuple[str, ...] = ()  # what lies in these is taken, or out of the question, as a whole
        for name, part, _ in self._adapter.module_tree({path: module}):
            if name.startswith(done) or id(part) in self._known:
                continue
            parts = self._adapter.module_tree({name: part})
            has_some = has_parameters(self._adapter, parts)
            known = any(id(each) in self._known for _, each, _ in parts)
            if not name or known or not (has_some or self._adapter.is_library(part)):
                yield name, part
                continue
            done += (name + ".",)
            if (any_state or not has_some) and self._are_free([inner for inner, _, _ in parts]):
                _read(self._adapter, parts)
                self.modules[name] = part
                self._names.update(inner for inner, _, _ in parts)
                self._known.update(id(each) for _, each, _ in parts)

    def _are_free(self, names: List[str]) -> bool:
        """Tell whether names are such, and no other module's."""
        return self._names.isdisjoint(names) and all(
            name.isprintable() and not any(mark in name for mark in "#:|") for name in names
        )


def found(adapter: Adapter, step: Callable[..., Any], tree: Tree) -> Found:
    """Return the modules that ``step`` can reach and that are not in the ``tree``, each by its shortest path.

    A module with parameters that lies in a module of the tree, but is not registered there, stays out: a fault, or known as one.
    """
    all_found = Found(adapter, tree)
    all_found.walk([("", step)], any_state=True)
    modules = [*tree, *adapter.module_tree(all_found.modules)]
    all_found.walk([(name, module) for name, module, _ in modules], any_state=False)
    return all_found


def called(model: Model, others: Found) -> list[str]:
    """Return those of the modules that were found of which a run of the model's ``step`` calls any part.

    The model has them all. Nothing is left of the run. Where it raises, nobody knows what would have been called: a module without parameters is taken as well.
    """

    def around(_call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return compute(*args, **kwargs)

    ended = True
    with attributes.kept(model), attributes.put_back(others.attributes):
        with calls.wrapped(model.adapter, model.tree, around) as counts:
            try:
                model.run_step(model.fresh_batch())
            except Exception:  # it is told when it is asked for
                ended = False
        model.restore()
    names = [*counts, *calls.transformed()]
    return [
        name
        for name, module in others.modules.items()
        if any(one == name or one.startswith(name + ".") for one in names)
        or not (ended or has_parameters(model.adapter, model.adapter.module_tree({name: module})))
    ]


def has_parameters(adapter: Adapter, parts: Tree) -> bool:
    """Tell whether some of a tree's modules has a parameter."""
    return any(kind == "parameter" for _, module, _ in parts for _, _, kind, _ in adapter.own_state(module))


def _read(adapter: Adapter, parts: Tree) -> None:
    """Raise where a tensor of some modules has no values, as one that is not initialized."""
    for _, module, _ in parts:
        for _, tensor, _, _ in adapter.own_state(module):
            adapter.sample(tensor, 1)
