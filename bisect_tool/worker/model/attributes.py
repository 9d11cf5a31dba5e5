"""What modules keep in attributes that are neither parameters nor buffers.

What a call leaves there for others to read, such as a map; and how they are put back after code ran that must leave nothing behind.
"""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Tuple

from ..adapters.adapter import Adapter, Module
from ..arrays import trees

if TYPE_CHECKING:
    from .build import Model

COPIED = (list, dict, set, collections.deque, collections.OrderedDict, collections.defaultdict)
Kept = Tuple[Dict[str, Any], Dict[str, Any], List[Tuple[Any, Any]]]


def held(module: Module) -> Dict[str, Any]:
    """Return what a module's attributes are now."""
    return dict(vars(module))


def assigned(model: Model, module: Module, before: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the attributes that were assigned since, and hold nothing but tensors, numbers and words."""
    state = {name.rpartition(".")[2] for name, _ in model.state_of.get(id(module), ())}
    return {
        name: value
        for name, value in vars(module).items()
        if name not in state and before.get(name) is not value and _is_plain(model.adapter, value)
    }


def _is_plain(adapter: Adapter, value: Any) -> bool:
    """Tell whether a value has tensors in it, and can be made again of them."""
    tree = trees.encode(value, lambda one: "" if adapter.is_tensor(one) else None)
    try:
        trees.decode(tree, lambda _key: None)
    except ValueError:
        return False
    return any(True for _ in trees.keys(tree))


@contextlib.contextmanager
def kept(model: Model, module: Module | None = None) -> Iterator[None]:
    """Put back what a module, those in it and those around it have as attributes, when the block is over; all without one."""
    with put_back([each.__dict__ for each in (_all(model) if module is None else _near(model, module))]):
        yield


@contextlib.contextmanager
def put_back(objects: Iterable[Dict[str, Any]]) -> Iterator[None]:
    """Let objects, each the dict of its attributes, have those again when the block is over that they have now.

    Lists, dicts and sets get back what they held. What lies deeper, or in other objects, stays as code leaves it.
    """
    before = [_held(each) for each in objects]
    try:
        yield
    finally:
        for attributes, values, containers in before:
            for key in attributes.keys() - values.keys():
                del attributes[key]
            attributes.update(values)
            for container, held in containers:
                _fill(container, held)


def _held(attributes: dict[str, Any]) -> Kept:
    containers = [(value, value.copy()) for value in attributes.values() if type(value) in COPIED]
    return attributes, dict(attributes), containers


def _fill(container: Any, held: Any) -> None:
    if _ids(container) == _ids(held):
        return  # code around may be going through it right now
    container.clear()
    if isinstance(container, (list, collections.deque)):
        container.extend(held)
    else:
        container.update(held)


def _ids(container: Any) -> list[Any]:
    found = (
        [(key, id(value)) for key, value in container.items()] if isinstance(container, dict) else map(id, container)
    )
    return list(found)


def _all(model: Model) -> list[Module]:
    return list({id(module): module for _, module, _ in model.tree}.values())


def _near(model: Model, module: Module) -> list[Module]:
    """Return a module with all that lie in it, and all that it lies in, under any of its names."""
    known = model.near.get(id(module))
    if known is None:
        names = [name for name, each, _ in model.tree if each is module]
        found = {
            id(each): each
            for other, each, _ in model.tree
            if any(_inside(other, n) or _inside(n, other) for n in names)
        }
        known = model.near[id(module)] = list(found.values())
    return known


def _inside(name: str, other: str) -> bool:
    return name == other or not other or name.startswith(other + ".")
