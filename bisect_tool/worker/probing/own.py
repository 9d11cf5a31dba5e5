"""What a model has of its own where the reference's values are put: its containers, its dtypes, its kinds of arrays."""

from __future__ import annotations

from typing import Any, Callable

from ..adapters.adapter import Adapter, Tensor
from ..arrays import trees
from ..model.build import Model
from .reference import Reference


class Own:
    """What stands for one of the model's own tensors between runs: its dtype, and its values where they are kept."""

    def __init__(self, dtype: Any, tensor: Tensor = None) -> None:
        self.dtype = dtype
        self.tensor = tensor


def is_own(value: Any) -> bool:
    """Tell whether a value stands for a tensor."""
    return isinstance(value, Own)


def dtypes(adapter: Adapter, value: Any) -> Any:
    """Return a nested value with the dtype of every tensor in the tensor's place."""
    return trees.map_leaves(value, adapter.is_tensor, lambda tensor: Own(adapter.dtype(tensor)))


def kept(adapter: Adapter, value: Any) -> Any:
    """Return a nested value with a copy of every tensor's values in the tensor's place."""
    return trees.map_leaves(value, adapter.is_tensor, lambda tensor: Own(None, adapter.detached(tensor)))


def recalled(adapter: Adapter, value: Any) -> Any:
    """Return a nested value that was ``kept``."""
    return trees.map_leaves(value, is_own, lambda own: adapter.detached(own.tensor))


def filled(model: Model, site: str, tree: dict[str, Any], load: Callable[[str], Tensor]) -> Any:
    """Return a recorded output in the containers and dtypes that the model has there, as far as they are known and fit."""
    template = model.templates.get(site)
    keys = dict(trees.keys(tree))
    paths = [path for path, _ in trees.leaves(template, is_own)]
    if template is None or len(paths) != len(keys):
        return trees.decode(tree, load)
    in_order = [keys[path] for path in paths] if set(paths) == set(keys) else list(keys.values())
    left = iter(in_order)
    return trees.map_leaves(template, is_own, lambda own: model.adapter.cast(load(next(left)), own.dtype))


def batch(model: Model, reference: Reference) -> Any:
    """Return the model's batch with the reference's values, each as the kind of array that the model had there."""
    adapter = model.adapter
    keys = dict(trees.keys(reference.batch))
    found = iter([path for path, _ in trees.leaves(model.batch, model.is_array)])

    def replace(value: Any) -> Any:
        path = next(found)
        if path not in keys:
            return model.copy(value)
        array = reference.read(keys[path])
        if not adapter.is_tensor(value):
            return array
        return adapter.cast(adapter.from_numpy(array, like=value), adapter.dtype(value))

    return trees.map_leaves(model.batch, model.is_array, replace)
