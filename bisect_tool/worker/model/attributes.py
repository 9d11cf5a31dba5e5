"""What a call leaves on its module: tensors in attributes that are neither parameters nor buffers, such as a map to be read later."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..adapters.adapter import Adapter, Module
from ..arrays import trees
from .build import Model

Attributes = Dict[str, Any]


def held(module: Module) -> Attributes:
    """Return what a module's attributes are now."""
    return dict(vars(module))


def assigned(model: Model, module: Module, before: Mapping[str, Any]) -> Attributes:
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
