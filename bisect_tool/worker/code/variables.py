"""The value of a variable: its tensors, arrays and numbers, compared with the reference's, and replaced by them."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Protocol, Tuple

import numpy as np

from ..adapters.adapter import Adapter
from ..arrays import Array, measure, trees
from ..arrays.forms import written
from ..arrays.trees import Tree

Parts = List[Tuple[str, Any]]  # path, tensor, array or number
Row = Dict[str, Any]  # what a comparison found

MOST_PARTS = 64  # a list of more tensors or numbers is no value that somebody compares


class Recorded(Protocol):
    """Where the reference's arrays are read."""

    def read(self, key: str) -> Array:
        """Return one recorded array."""


def is_part(adapter: Adapter, value: Any) -> bool:
    """Tell whether a value is a tensor, a numpy array or a number."""
    return adapter.is_tensor(value) or (
        isinstance(value, (np.ndarray, np.generic, bool, int, float, complex))
        and np.asarray(value).dtype.kind in "fiubc"
    )


def parts(adapter: Adapter, value: Any) -> Parts:
    """Return (path, part) for every tensor, array and number in a nested value; nothing where they are too many."""
    found: Parts = []
    for pair in trees.leaves(value, lambda v: is_part(adapter, v)):
        found.append(pair)
        if len(found) > MOST_PARTS:
            return []
    return found


def label(value: Any) -> str:
    """Return in words what a value without parts is: a function's name, a word, or a class."""
    if value is None or isinstance(value, str):
        return repr(value)[:80]
    return str(getattr(value, "__name__", None) or type(value).__name__)


def settled_parts(adapter: Adapter, value: Any) -> Parts:
    """Return the parts of a value whose tensors are computed now: what is fused later would change the last digits."""
    found = parts(adapter, value)
    adapter.sync([part for _, part in found if adapter.is_tensor(part)])
    return found


def to_array(adapter: Adapter, part: Any) -> Array:
    """Return a part's values as an array of its own."""
    return adapter.to_numpy(part) if adapter.is_tensor(part) else np.array(part, order="C")


def like(adapter: Adapter, own: Any, array: Array) -> Any:
    """Return an array's values as what the model has there: its framework and dtype, and its shape where that fits."""
    mine = to_array(adapter, own)
    shape = mine.shape if mine.size == array.size else array.shape
    wanted = array.reshape(shape)
    narrower = array.dtype.kind + mine.dtype.kind in ("fi", "fu", "fb", "ci", "cu", "cb", "cf")
    values = (wanted.real if narrower else wanted).astype(mine.dtype)
    if narrower and np.any(values != wanted):
        # Whole numbers where the reference has fractions, or real ones where it has complex: that is the mistake.
        mine, values = array, wanted
    if adapter.is_tensor(own):
        new = adapter.from_numpy(values, like=own)
        return new if mine is array else adapter.cast(new, adapter.dtype(own))
    if isinstance(own, np.ndarray):
        return values
    return values[()] if isinstance(own, np.generic) else values.reshape(-1)[0].item()


def differences(adapter: Adapter, reference: Recorded, tree: Tree, parts: Parts, value: Any) -> list[Row]:
    """Compare a variable with what the reference recorded: a row for each of its parts."""
    ((kind, content),) = tree.items()
    if not parts and kind == "opaque":
        mine = label(value)
        return [] if mine == content else [{"path": "", "mismatch": "%s, reference %s" % (mine, content)}]
    expected = _expected(reference, tree, parts)
    if expected is None:
        count = len(list(trees.keys(tree)))
        return [{"path": "", "mismatch": "a list of %d, reference %d" % (len(parts), count)}]
    return [dict(difference(to_array(adapter, part), want), path=path) for (path, part), want in zip(parts, expected)]


def replaced(
    adapter: Adapter, reference: Recorded, tree: Tree, parts: Parts, value: Any
) -> tuple[Any, list[str] | None]:
    """Return (what the reference recorded, in the variable's own containers and dtypes; the digests of what was put there).

    The digests are None where nothing tells what the reference's values should become.
    """
    digests: list[str] = []

    def put(own: Any, want: Array, form: Array) -> Any:
        new = _passing(adapter, own, like(adapter, own, form))
        held = to_array(adapter, new).astype(form.dtype).reshape(form.shape)
        # A float64 number may become a float32 tensor: that it is the same number is all that is asked.
        digests.append(measure.digest(want if np.allclose(held, form, rtol=1e-6, atol=0, equal_nan=True) else held))
        return new

    expected = _expected(reference, tree, parts)
    if expected is None:
        if len({type(part) for _, part in parts}) != 1 or not all(map(adapter.holds, _arrays(reference, tree))):
            return value, None
        return trees.decode(tree, lambda key: put(parts[0][1], reference.read(key), reference.read(key))), digests
    forms = [written(to_array(adapter, part), want) for (_, part), want in zip(parts, expected)]
    if not all(map(adapter.holds, forms)):
        return value, None
    left = iter(zip(expected, forms))
    return trees.map_leaves(value, lambda part: is_part(adapter, part), lambda own: put(own, *next(left))), digests


def _passing(adapter: Adapter, own: Any, new: Any) -> Any:
    """Return what is put in a variable's place, with the gradient path that the variable has: code may ask for it."""
    if not adapter.is_tensor(own) or not adapter.has_path(own) or adapter.has_path(new):
        return new
    alike = adapter.dtype(new) == adapter.dtype(own) and tuple(new.shape) == tuple(own.shape)
    return adapter.through(own, adapter.to_numpy(new)) if alike else new


def _arrays(reference: Recorded, tree: Tree) -> Iterator[Array]:
    return (reference.read(key) for _, key in trees.keys(tree))


def _expected(reference: Recorded, tree: Tree, parts: Parts) -> list[Array] | None:
    """Return the reference's arrays for a variable's parts, by path where the paths are the same; None if they do not fit."""
    keys = list(trees.keys(tree))
    if len(keys) != len(parts):
        return None
    by_path = dict(keys)
    named = all(path in by_path for path, _ in parts)
    return [reference.read(by_path[path] if named else key) for (path, _), (_, key) in zip(parts, keys)]


def difference(value: Array, expected: Array) -> Row:
    """Compare two arrays, the reference's as the port writes it; the dtypes may differ."""
    expected = written(value, expected)
    if np.squeeze(value).shape == np.squeeze(expected).shape:
        value = value.reshape(expected.shape)
    row = measure.difference(value, expected)
    same = value.shape == expected.shape or value.size == expected.size == 1
    return dict(row, misplaced=measure.misplaced(value.reshape(expected.shape), expected)) if same else row
