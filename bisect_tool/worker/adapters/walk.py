"""All modules below some others, in any framework."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence, Tuple

from .adapter import Module, Tree

Children = Callable[[Module], Sequence[Tuple[str, Module]]]


def walked(roots: Mapping[str, Module], children_of: Children) -> Tree:
    """Return (name, module, leaf) for every module, a shared one under each of its names, in definition order."""
    found: Tree = []

    def visit(name: str, module: Module) -> None:
        children = children_of(module)
        found.append((name, module, not children))
        for key, child in children:
            visit("%s.%s" % (name, key) if name else key, child)

    for name, module in roots.items():
        visit(name, module)
    return found
