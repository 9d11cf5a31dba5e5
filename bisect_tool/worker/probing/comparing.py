"""The values of a run beside those that the reference recorded."""

from __future__ import annotations

from typing import Any, Iterator

from ..adapters.adapter import Adapter, Tensor
from ..arrays import Array, measure, trees
from ..arrays.forms import written
from .reference import Reference


def doubled(adapter: Adapter, value: Any) -> Any:
    """Return a nested value with every tensor in float64, which takes gradients where it did."""

    def each(tensor: Tensor) -> Tensor:
        new = adapter.doubled(tensor)
        return adapter.taking_gradients(new) if new is not tensor and adapter.has_path(tensor) else new

    return trees.map_leaves(value, adapter.is_tensor, each)


def tensors(adapter: Adapter, value: Any) -> list[Tensor]:
    """Return every tensor inside a nested value, in order."""
    return [tensor for _, tensor in trees.leaves(value, adapter.is_tensor)]


def arrays(adapter: Adapter, value: Any) -> list[tuple[str, Array]]:
    """Return (path, array) for every tensor inside a nested value."""
    return [(path, adapter.to_numpy(tensor)) for path, tensor in trees.leaves(value, adapter.is_tensor)]


def named(adapter: Adapter, reference: Reference, tree: dict[str, Any], value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield (recorded path, tensor) for every tensor of a value that stands for a recorded one."""
    found = list(trees.leaves(value, adapter.is_tensor))
    for (path, _), (_, tensor) in zip(reference.partners(tree, found), found):
        if path is not None:
            yield path, tensor


def differences(adapter: Adapter, reference: Reference, tree: dict[str, Any], value: Any) -> list[dict[str, Any]]:
    """Compare a nested value with what the reference recorded: a row for each tensor, and for each number that differs."""
    by_path = dict(named(adapter, reference, tree, value))
    rows: list[dict[str, Any]] = []
    for path, key in trees.keys(tree):
        if path not in by_path:
            rows.append({"path": path, "missing": True})
        else:
            array = adapter.to_numpy(by_path[path])
            row = measure.difference(array, written(array, reference.read(key)))
            rows.append(dict(row, path=path, variation=measure.variation(array)))
    given = dict(trees.numbers(value))
    for path, number in trees.recorded_numbers(tree):
        if path in given and given[path] != number:
            rows.append({"path": path, "mismatch": "the number %r, reference %r" % (given[path], number)})
    return rows
