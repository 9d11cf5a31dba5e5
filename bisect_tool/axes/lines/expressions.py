"""Which expressions of some statements make another value of right ones: followed back from a value that is off, on either side.

Each expression is computed of others: those inside it, and through variables, arguments and what functions return those that made
these. One whose value the other side has too is right, and nothing behind it matters. Where all that an expression is computed of
is right and its own value is not, it makes the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bisect_tool.probes.handed import Value, Values
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
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


def traced(values: Values, roots: Sequence[int], known: Known) -> Traced:
    """Follow some values back to what made them, as far as the other side does not know it."""
    operands = list(_operands(values.rows))
    makers: list[int] = []
    off: set[int] = set()
    waiting = [maker for root in roots for maker in _makers(values.rows[root])]
    while waiting:
        number = waiting.pop()
        if number in off or known.has(values, number):
            continue
        off.add(number)
        behind = [one for one in operands[number] if one in off or not known.has(values, one)]
        if not behind:
            makers.append(number)
        waiting += behind
    rows = values.rows
    return Traced(tuple(rows[n] for n in sorted(makers)), frozenset(rows[n].place for n in off))


def _makers(row: Value) -> set[int]:
    return {first for _, _, first in row.parts}


def _operands(rows: Sequence[Value]) -> Iterator[set[int]]:
    """Yield for each row those that made what it is computed of: the expressions inside it, evaluated last before."""
    open_rows: dict[str, list[int]] = {}  # by line, what no expression around it was computed of yet
    for number, row in enumerate(rows):
        if row.span is None:
            yield set()
            continue
        before = open_rows.setdefault(row.place, [])
        inside = [one for one in before if _holds(row.span, rows[one].span)]
        open_rows[row.place] = [*(one for one in before if one not in inside), number]
        yield {maker for one in inside for maker in _makers(rows[one])} - {number}


def _holds(outer: tuple[int, int, int, int], inner: tuple[int, int, int, int] | None) -> bool:
    return inner is not None and outer != inner and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


class Known:
    """The values of the other side: a row ``has`` a counterpart where one of them equals it, part by part.

    What says too little, such as a single number, has one of its own name (what stands last in it), or else any that is the same.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        self._sizes: dict[int, list[str]] = {}
        self._named: dict[str, set[str]] = {}
        self._length: dict[str, float] = {}
        self._found: dict[int, bool] = {}
        for key, array in values.arrays.items():
            self._sizes.setdefault(array.size, []).append(key)
            self._length[key] = _length(array)
        for row in values.rows:
            self._named.setdefault(name_of(row), set()).update(key for _, key, _ in row.parts)

    def has(self, values: Values, number: int) -> bool:
        """Tell whether a row of the side that is traced is known here."""
        if number not in self._found:
            row = values.rows[number]
            arrays = [values.arrays[key] for _, key, first in row.parts if first == number]
            self._found[number] = all(self._has(array, name_of(row)) for array in arrays)
        return self._found[number]

    def _has(self, array: Array, name: str) -> bool:
        alike = self._sizes.get(array.size, [])
        if not is_telling(array):
            named = self._named.get(name, set())
            alike = [key for key in alike if key in named] or ([] if named else alike)
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


def name_of(row: Value) -> str:
    """Return the last name in an expression, or what a variable is called."""
    names = re.findall(r"[^\W\d]\w*", row.text or row.site.rpartition(":")[2].partition("#")[0])
    return names[-1] if names else ""


def _length(array: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(np.nan_to_num(np.abs(array).astype(np.float64), posinf=0.0).reshape(-1)))
