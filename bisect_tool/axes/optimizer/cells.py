"""The groups of both optimizers, and the parameters that lie in the same ones on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.axes.optimizer.stepped import Apart, Stepped, apart


@dataclass(frozen=True)
class Group:
    """A group of an optimizer: its class's ``name``, its ``settings``, its ``parameters`` by the reference's names."""

    name: str
    settings: Mapping[str, float | bool]
    parameters: tuple[str, ...]


@dataclass
class Cell:
    """The parameters that are in one group of the reference and in one of the port.

    Attributes: the two groups, None for none; the ``kinds`` of all that have a gradient, by their names; those that are ``off``.
    """

    reference: Group | None
    port: Group | None
    kinds: dict[str, str] = field(default_factory=dict)
    off: list[Apart] = field(default_factory=list)


def cells_of(reference: Sequence[Group], port: Sequence[Group], pairs: Iterable[Stepped]) -> list[Cell]:
    """Sort the parameters that have a gradient by the groups that they lie in on both sides."""
    ours, theirs = ({name: group for group in side for name in group.parameters} for side in (reference, port))
    cells: dict[tuple[int, int], Cell] = {}
    for pair in pairs:
        if pair.gradient is None:
            continue
        groups = ours.get(pair.name), theirs.get(pair.name)
        cell = cells.setdefault((id(groups[0]), id(groups[1])), Cell(*groups))
        cell.kinds[pair.name] = _kind_of(pair)
        cell.off += filter(None, [apart(pair)])
    return list(cells.values())


def _kind_of(pair: Stepped) -> str:
    """Return the kind that a parameter's name and shape say: groups are mostly made of these."""
    if pair.name.endswith("bias"):
        return "bias"
    return "one-dimensional weight" if pair.start.ndim < 2 else "weight"
