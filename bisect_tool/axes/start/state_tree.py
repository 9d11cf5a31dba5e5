"""Parameters and buffers along the module tree, so that a search can go down it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bisect_tool.sites import Site, parent_of


@dataclass(frozen=True)
class StateTree:
    """Parameters and buffers along the module tree; a node is a module's name or a tensor's."""

    state: tuple[Site, ...]
    _children: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.state:
            node = str(name)
            while node:
                around = parent_of(node)
                siblings = self._children.setdefault(around, [])
                if node not in siblings:
                    siblings.append(node)
                node = around

    def tops(self) -> list[str]:
        """Return the highest modules that have more than one part: 'model.0' ... 'model.23', not 'model' alone."""
        level = self._children.get("", [])
        while len(level) == 1 and self.children(level[0]):
            level = self.children(level[0])
        return list(level)

    def children(self, node: str) -> list[str]:
        """Return what lies directly in a node; nothing for a tensor. A chain of only children is passed over."""
        below = self._children.get(node, [])
        while len(below) == 1 and self._children.get(below[0]):
            below = self._children[below[0]]
        return list(below)

    def leaves(self, nodes: Iterable[str]) -> list[Site]:
        """Return the tensors in some nodes."""
        wanted = tuple(nodes)
        return [n for n in self.state if any(n == w or n.startswith(w + ".") for w in wanted)]
