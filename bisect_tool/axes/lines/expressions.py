"""Which expressions of some statements make another value of right ones: followed back from a value that is off, on either side.

Each expression is computed of others: those inside it, and through variables, arguments and what functions return those that made
these. One whose value the other side has too is right, and nothing behind it matters. Where all that an expression is computed of
is right and its own value is not, it makes the difference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bisect_tool.probes.handed import Value, Values
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
from bisect_tool.sites import Site
from bisect_tool.worker.arrays import measure
from bisect_tool.worker.arrays.pairs import written
from bisect_tool.worker.arrays.telling import is_telling

Array = npt.NDArray[np.generic]
NEAR = 1e-3  # relative: of values whose sizes are further apart nothing else need be compared


@dataclass(frozen=True)
class Traced:
    """What a value that is off goes back to: the rows that make another value of right ones, and the lines of all that is off."""

    makers: tuple[Value, ...]
    places: frozenset[str]


def traced(values: Values, roots: Collection[tuple[Site, str]], known: Known) -> Traced:
    """Follow some parts of variables, by site and path, which are off, back to what made them, as far as the other side knows no such."""
    operands = list(_operands(values.rows))
    makers: list[int] = []
    off: set[int] = set()
    assigned = [row for row in values.rows if row.span is None]
    waiting = [first for row in assigned for path, _, first in row.parts if (row.site, path) in roots]
    while waiting:
        number = waiting.pop()
        if number in off:
            continue
        off.add(number)
        behind = [one for one in operands[number] if one in off or not known.has(values, one)]
        if not behind:
            makers.append(number)
        waiting += behind
    rows = values.rows
    return Traced(tuple(rows[n] for n in sorted(makers)), frozenset(line for n in off for line in lines_of(rows[n])))


def untold(values: Values, known: Known) -> set[str]:
    """Return the lines that assign what nobody can follow, and what has no counterpart of its own name."""
    return {row.place for n, row in enumerate(values.rows) if row.span is None and not known.tells(values, n)}


def lines_of(row: Value) -> set[str]:
    """Return the lines that an expression stands on, and that on which its statement begins."""
    file = row.place.rpartition(":")[0]
    first, _, last, _ = row.span or (0, 0, -1, 0)
    return {row.place, *(f"{file}:{line}" for line in range(first, last + 1))}


def _makers(row: Value) -> set[int]:
    return {first for _, _, first in row.parts}


def _operands(rows: Sequence[Value]) -> Iterator[set[int]]:
    """Yield for each row those that made what it is computed of: the expressions inside it, or in its statement, evaluated last before."""
    open_rows: dict[str, list[int]] = {}  # by line, what no expression around it was computed of yet
    for number, row in enumerate(rows):
        before = open_rows.setdefault(row.place, [])
        if row.span is None:
            yield {maker for one in before for maker in _makers(rows[one])}.union(row.was) - {number}
            continue
        inside = [one for one in before if _holds(row.span, rows[one].span)]
        open_rows[row.place] = [*(one for one in before if one not in inside), number]
        yield {maker for one in inside for maker in _makers(rows[one])}.union(row.was) - {number}


def _holds(outer: tuple[int, int, int, int], inner: tuple[int, int, int, int] | None) -> bool:
    return inner is not None and outer != inner and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


class Known:
    """The values of the other side: a row ``has`` a counterpart where one of them equals it, part by part.

    What says too little, such as a single number, has one of its own name in its function (what stands last in it), or else any that is
    the same. Of a number that is written down, and of a variable that says too little and whose name is not there, nothing is known:
    whoever reads it is asked.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._sizes: dict[int, list[str]] = {}
        self._named: dict[tuple[str, str], set[str]] = {}  # by function and name
        self._length: dict[str, float] = {}
        self._found: dict[int, bool] = {}
        for key, array in values.arrays.items():
            self._sizes.setdefault(array.size, []).append(key)
            self._length[key] = _length(array)
        for row in values.rows:
            self._named.setdefault(_name(row), set()).update(key for _, key, _ in row.parts)

    def has(self, values: Values, number: int) -> bool:
        """Tell whether a row of the side that is traced is known here."""
        if number not in self._found:
            row, name = values.rows[number], _name(values.rows[number])
            arrays = [values.arrays[key] for _, key, first in row.parts if first == number]
            unknown = row.text == name[1] and name not in self._named and not any(map(is_telling, arrays))
            self._found[number] = not name[1] or unknown or all(self._has(array, name) for array in arrays)
        return self._found[number]

    def tells(self, values: Values, number: int) -> bool:
        """Tell whether a row can be followed, or has a counterpart by its name."""
        row = values.rows[number]
        named = _name(row) in self._named
        return not row.plain or (named and all(self._has(values.arrays[key], _name(row)) for _, key, _ in row.parts))

    def _has(self, array: Array, name: tuple[str, str]) -> bool:
        alike = self._sizes.get(array.size, [])
        if not is_telling(array):
            named = self._named.get(name, set())
            alike = [key for key in alike if key in named] if named else alike
        length = _length(array)
        near = [key for key in alike if abs(length - self._length[key]) <= NEAR * max(length, self._length[key])]
        return any(same(array, self._values.arrays[key]) for key in near)


def same(value: Array, expected: Array) -> bool:
    """Tell whether two values are the same to within rounding, as of variables (docs/tolerance.md, "A variable")."""
    expected = written(value, expected)
    if value.size != expected.size:
        return False
    row = measure.difference(value.reshape(expected.shape), expected)
    return row.get("error", 1.0) <= SAFETY * ROUNDING and not measure.misplaced(value.reshape(expected.shape), expected)


def _name(row: Value) -> tuple[str, str]:
    """Return the function, and the last name in an expression, or what a variable is called; none in a number."""
    function, _, variable = row.site.partition(":")
    names = re.findall(r"[^\W\d]\w*", re.sub(r"\d\w*", "", row.text) if row.text else variable.partition("#")[0])
    return function, names[-1] if names else ""


def _length(array: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(np.nan_to_num(np.abs(array).astype(np.float64), posinf=0.0).reshape(-1)))
