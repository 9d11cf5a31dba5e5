"""Nested values (tuples, lists, dicts and objects of tensors) as JSON with the tensors taken out, and back.

A tree is one of ``{"tensor": key}``, ``{"list": [...]}``, ``{"tuple": [...]}``, ``{"dict": [[key, tree], ...]}``,
``{"named": [[field, tree], ...]}`` (a named tuple), ``{"object": [class name, [[field, tree], ...]]}``,
``{"scalar": value}``, ``{"setting": text}`` (a dtype, a device ...) and ``{"opaque": class name}`` for what cannot be opened.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np

from . import parts

Tree = Dict[str, Any]
Pairs = List[Tuple[Any, Tree]]


def encode(value: Any, store: Callable[[Any], str | None]) -> Tree:
    """Return the tree of ``value``; ``store(x)`` gives a key for a tensor and None for anything else."""
    key = store(value)
    if key is not None:
        return {"tensor": key}
    inner = parts.children(value)
    if inner is not None:
        pairs = [(name, encode(item, store)) for name, item in inner]
        return _tree(parts.kind_of(value), type(value).__name__, pairs)
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, parts.SCALARS):
        return {"scalar": plain}
    if parts.is_setting(value):
        return {"setting": str(value)}
    return {"opaque": type(value).__name__}


def decode(tree: Tree, load: Callable[[str], Any]) -> Any:
    """Rebuild the value of ``tree``; ``load(key)`` gives a tensor.

    Raises ValueError for an object, a setting or an opaque part: only a value that the model has there can be filled.
    """
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return load(content)
    if kind == "scalar":
        return content
    if kind not in ("list", "tuple", "dict", "named"):
        raise ValueError("a %s cannot be rebuilt from a capture" % (content[0] if kind == "object" else content))
    items = [(name, decode(item, load)) for name, item in _parts(tree)]
    if kind == "dict":
        return dict(items)
    values = [item for _, item in items]
    return values if kind == "list" else tuple(values)


def leaves(value: Any, is_tensor: Callable[[Any], bool], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, tensor) for every tensor inside a nested value, in order; the path of a bare tensor is ''."""
    if is_tensor(value):
        yield path, value
        return
    for name, item in parts.children(value) or ():
        for found in leaves(item, is_tensor, _join(path, name)):
            yield found


def keys(tree: Tree) -> Iterator[tuple[str, str]]:
    """Return (path, key) for every tensor of a tree, in the order and with the paths of ``leaves``."""
    if "tensor" in tree:  # most are one
        return iter([("", tree["tensor"])])
    return ((path, content) for path, kind, content in ends(tree) if kind == "tensor")


def opaque(value: Any, is_tensor: Callable[[Any], bool], path: str = "") -> Iterator[str]:
    """Yield the path of every part of a nested value that is unknown: neither opened, nor a number, a word or a setting."""
    if is_tensor(value) or isinstance(value, parts.SCALARS):
        return
    inner = parts.children(value)
    if inner is None and not parts.is_setting(value):
        yield path
    for name, item in inner or ():
        for found in opaque(item, is_tensor, _join(path, name)):
            yield found


def opaque_in(tree: Tree) -> Iterator[str]:
    """Return the path of every part of a tree that is unknown, as ``opaque`` does of the value."""
    return (path for path, kind, _ in ends(tree) if kind == "opaque")


def recorded_numbers(tree: Tree) -> Iterator[tuple[str, float]]:
    """Yield (path, number) for every number and boolean of a tree that is no tensor."""
    for path, kind, content in ends(tree):
        if kind == "scalar" and isinstance(content, (bool, int, float)):
            yield path, content


def other_plain(tree: Tree, value: Any, is_tensor: Callable[[Any], bool]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, what the value has, what the tree has) for numbers and words, none of them a tensor, that are not the same.

    Only where both have one. Nobody puts the recorded one in the other's place.
    """
    recorded = {path: content for path, kind, content in ends(tree) if kind == "scalar" and content is not None}
    for path, part in leaves(value, lambda part: isinstance(part, (str, bool, int, float)) and not is_tensor(part)):
        if path in recorded and part != recorded[path]:
            yield path, part, recorded[path]


def ends(tree: Tree, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (path, kind, content) for all that a tree holds and that has no parts itself."""
    ((kind, content),) = tree.items()
    if kind in ("tensor", "scalar", "setting", "opaque"):
        yield path, kind, content
        return
    for name, item in _parts(tree):
        for found in ends(item, _join(path, name)):
            yield found


def numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Return (path, number) for every number and boolean in a nested value."""
    return leaves(value, lambda part: isinstance(part, (bool, int, float)))


def map_leaves(value: Any, is_tensor: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """Return the nested value with ``change`` applied to each tensor; every part keeps its class."""
    if is_tensor(value):
        return change(value)
    inner = parts.children(value)
    if inner is None:
        return value
    return parts.rebuilt(value, [map_leaves(item, is_tensor, change) for _, item in inner])


def _tree(kind: str, name: str, pairs: Pairs) -> Tree:
    if kind in ("list", "tuple"):
        return {kind: [tree for _, tree in pairs]}
    if kind == "object":
        return {kind: [name, [[str(key), tree] for key, tree in pairs]]}
    return {kind: [list(pair) for pair in pairs]}


def _parts(tree: Tree) -> Pairs:
    """Return (name or position, tree) for the parts of a tree that has some."""
    ((kind, content),) = tree.items()
    if kind in ("list", "tuple"):
        return list(enumerate(content))
    return [(name, item) for name, item in (content[1] if kind == "object" else content)]


def _join(path: str, key: object) -> str:
    return "%s.%s" % (path, key) if path else str(key)
