"""Numbered modules whose numbers are shifted: which of the port's is which of the reference's, by what they are.

A port with a Dropout more at index 1 of a Sequential has another layer at each number after it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.sites import parent_of

Shape = tuple[int, ...]
State = tuple[tuple[str, Shape], ...]
HELD, NAMED = 100, 1  # what a pair of the same shapes is worth beside one that only its class speaks for


@dataclass(frozen=True)
class Side:
    """What one side's names stand for.

    Attributes: ``state`` (shapes), ``classes`` (of modules, in lower case), ``library`` (modules of the framework's own).
    """

    state: Mapping[str, Shape]
    classes: Mapping[str, str] = field(default_factory=dict)
    library: frozenset[str] = frozenset()

    def inside(self, module: str) -> State:
        """Return the names below a module with their shapes."""
        return self._inside.get(module, ())

    def numbered(self, module: str) -> list[str]:
        """Return the modules directly in a module whose names are numbers, in order."""
        return self._numbered.get(module, [])

    @functools.cached_property
    def _inside(self) -> dict[str, State]:
        found: dict[str, State] = {}
        for name, shape in self.state.items():
            module = name
            while module := parent_of(module):
                found[module] = (*found.get(module, ()), (name[len(module) + 1 :], shape))
        return found

    @functools.cached_property
    def _numbered(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted((name for name in self.classes if _number(name).isdecimal()), key=lambda n: int(_number(n))):
            found.setdefault(parent_of(name), []).append(name)
        return found


def _number(name: str) -> str:
    return name.rpartition(".")[2]


def contradicts(ours: Side, theirs: Side, module: str, port_module: str) -> bool:
    """Tell whether two modules are no partners, whatever their names: of other classes, and with tensors of other shapes.

    What users call their classes says little: of theirs only a vector for a matrix counts.
    """
    if ours.classes.get(module) == theirs.classes.get(port_module):
        return False
    of_library = module in ours.library, port_module in theirs.library
    left, right = dict(ours.inside(module)), dict(theirs.inside(port_module))
    if bool(left) != bool(right):
        return of_library[1] if left else of_library[0]  # a user's own layer may hide its parameters
    both = [(left[name], right[name]) for name in left.keys() & right.keys() if "." not in name]
    return any((len(a) == 1) != (len(b) == 1) or (all(of_library) and _size(a) != _size(b)) for a, b in both)


def _size(shape: Shape) -> int:
    # Not the shape: a 1x1 convolution may be written as a linear layer.
    return math.prod(shape)


def aligned(ours: Side, theirs: Side, left: Sequence[str], right: Sequence[str]) -> dict[str, str | None] | None:
    """Return which module of a sequence is which of the port's if their numbers are shifted, else None.

    They are paired in order by what they hold and are; None for a module where the earliest and the latest way to do
    so differ.
    """
    worth = [[_alike(ours, theirs, a, b) for b in right] for a in left]
    found = _best(worth)
    numbers = {_number(name): place for place, name in enumerate(right)}
    by_number = [(i, numbers[_number(name)]) for i, name in enumerate(left) if _number(name) in numbers]
    if not any(contradicts(ours, theirs, left[i], right[j]) for i, j in by_number) and (
        len(left) == len(right) or _total(worth, found) // HELD <= _total(worth, by_number) // HELD
    ):
        return None
    latest = {(len(left) - 1 - i, len(right) - 1 - j) for i, j in _best([row[::-1] for row in worth[::-1]])}
    return {**dict.fromkeys(left), **{left[i]: right[j] for i, j in found if (i, j) in latest}}


def _alike(ours: Side, theirs: Side, module: str, port_module: str) -> int:
    held, theirs_held = (
        sorted(shape for _, shape in side) for side in (ours.inside(module), theirs.inside(port_module))
    )
    if held != theirs_held:
        return 0
    return (HELD if held else 0) + (NAMED if ours.classes.get(module) == theirs.classes.get(port_module) else 0)


def _total(worth: Sequence[Sequence[int]], pairs: Sequence[tuple[int, int]]) -> int:
    return sum(worth[i][j] for i, j in pairs)


def _best(worth: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the pairs of rows and columns, both ascending, that are worth most together; of equal ones the earliest."""
    rows, columns = len(worth), len(worth[0]) if worth else 0
    rest = [[0] * (columns + 1) for _ in range(rows + 1)]  # what is left to gain from row i and column j on
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            rest[i][j] = max(worth[i][j] + rest[i + 1][j + 1], rest[i + 1][j], rest[i][j + 1])
    found, i, j = [], 0, 0
    while i < rows and j < columns and rest[i][j]:
        if worth[i][j] and rest[i][j] == worth[i][j] + rest[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        else:
            i, j = (i, j + 1) if rest[i][j] == rest[i][j + 1] else (i + 1, j)
    return found
