"""Nested values (tuples, lists, dicts of tensors) as JSON with the tensors taken out, and back.

A tree is one of ``{"tensor": key}``, ``{"list": [...]}``, ``{"tuple": [...]}``,
``{"dict": [[key, tree], ...]}``, ``{"scalar": value}`` and ``{"opaque": class name}``.
"""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict, Iterator, Sequence

Tree = Dict[str, Any]

SCALARS = (bool, int, float, str, type(None))


def encode(value: Any, store: Callable[[Any], str | None]) -> Tree:
    """Return the tree of ``value``; ``store(x)`` gives a key for a tensor and None for anything else."""
    key = store(value)
    if key is not None:
        return {"tensor": key}
    if isinstance(value, dict) and all(isinstance(k, (str, int)) for k in value):
        return {"dict": [[k, encode(v, store)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list" if isinstance(value, list) else "tuple": [encode(v, store) for v in value]}
    if isinstance(value, SCALARS):
        return {"scalar": value}
    return {"opaque": type(value).__name__}


def decode(tree: Tree, load: Callable[[str], Any]) -> Any:
    """Rebuild the value of ``tree``; ``load(key)`` gives a tensor. Raises ValueError for an opaque part."""
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return load(content)
    if kind == "list":
        return [decode(t, load) for t in content]
    if kind == "tuple":
        return tuple(decode(t, load) for t in content)
    if kind == "dict":
        return {k: decode(t, load) for k, t in content}
    if kind == "scalar":
        return content
    raise ValueError("a %s cannot be rebuilt from a capture" % content)


def leaves(value: Any, is_tensor: Callable[[Any], bool], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, tensor) for every tensor inside a nested value, in order; the path of a bare tensor is ''."""
    if is_tensor(value):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            for found in leaves(item, is_tensor, _join(path, key)):
                yield found
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            for found in leaves(item, is_tensor, _join(path, index)):
                yield found


def keys(tree: Tree) -> Iterator[tuple[str, str]]:
    """Return (path, key) for every tensor of a tree, in the order and with the paths of ``leaves``."""
    return ((path, content) for path, kind, content in _ends(tree) if kind == "tensor")


def partners(
    expected: Sequence[tuple[str, str]], found: Sequence[tuple[str, Any]]
) -> list[tuple[str | None, str | None]]:
    """Return for each of some found (path, value) the expected (path, key) that it stands for, (None, None) for none.

    By path; or in order where as many are there: a list for a tuple, a keyword for a position.
    """
    by_path = dict(expected)
    in_order: list[tuple[str | None, str | None]] = [(None, None)] * len(found)
    if len(expected) == len(found):
        in_order = list(expected)
    return [(path, by_path[path]) if path in by_path else pair for (path, _), pair in zip(found, in_order)]


def recorded_numbers(tree: Tree) -> Iterator[tuple[str, float]]:
    """Yield (path, number) for every number and boolean of a tree that is no tensor."""
    for path, kind, content in _ends(tree):
        if kind == "scalar" and isinstance(content, (bool, int, float)):
            yield path, content


def _ends(tree: Tree, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (path, kind, content) for all that a tree holds and that is no list, tuple or dict itself."""
    ((kind, content),) = tree.items()
    if kind not in ("dict", "list", "tuple"):
        yield path, kind, content
        return
    for key, item in content if kind == "dict" else enumerate(content):
        for found in _ends(item, _join(path, key)):
            yield found


def numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Return (path, number) for every number and boolean in a nested value."""
    return leaves(value, lambda part: isinstance(part, (bool, int, float)))


def map_leaves(value: Any, is_tensor: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """Return the nested value with ``change`` applied to each tensor."""
    if is_tensor(value):
        return change(value)
    if isinstance(value, dict):
        changed = {k: map_leaves(v, is_tensor, change) for k, v in value.items()}
        if type(value) is dict:
            return changed
        like = copy.copy(value)  # a class of its own, such as an output that is read by attribute
        for key, item in changed.items():
            like[key] = item
        return like
    if isinstance(value, (list, tuple)):
        items = [map_leaves(v, is_tensor, change) for v in value]
        return items if isinstance(value, list) else _like_tuple(value, items)
    return value


def _like_tuple(value: tuple[Any, ...], items: list[Any]) -> Any:
    if hasattr(value, "_fields"):
        return type(value)(*items)
    try:
        return type(value)(items)  # torch.Size is a tuple that can do more
    except (TypeError, ValueError):
        return tuple(items)


def _join(path: str, key: object) -> str:
    return "%s.%s" % (path, key) if path else str(key)


def opaque(value: Any, is_tensor: Callable[[Any], bool], path: str = "") -> Iterator[str]:
    """Yield the path of every part of a nested value that can neither be opened nor written down."""
    if is_tensor(value) or isinstance(value, SCALARS):
        return
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    else:
        yield path
        return
    for key, item in items:
        for found in opaque(item, is_tensor, _join(path, key)):
            yield found
