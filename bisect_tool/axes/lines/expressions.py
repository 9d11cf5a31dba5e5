"""Which expressions of some statements make another value of right ones: followed back from a value that is off, on either side.

Each expression is computed of others: those inside it, and through variables, arguments and what functions return those that made
these. One whose value the other side has too is right, and nothing behind it matters. Where all that an expression is computed of
is right and its own value is not, it makes the difference.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bisect_tool.probes.handed import Value, Values
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
from bisect_tool.sites import Site
from bisect_tool.worker.arrays import measure
from bisect_tool.worker.arrays.pairs import written
from bisect_tool.worker.arrays.telling import is_computed

Array = npt.NDArray[np.generic]
Status = Literal["right", "off", "unknown"]
WRITTEN_OUT = 3  # expressions; with more the one function of the other side is written out
NEAR = 1e-3  # relative: of values whose sizes are further apart nothing else need be compared


@dataclass(frozen=True)
class Traced:
    """What a value that is off goes back to.

    Attributes: ``makers``, the rows that make another value of right ones; ``places``, the lines of all that is off; ``chain``, the
    expressions among that, the makers too.
    """

    makers: tuple[Value, ...]
    places: frozenset[str]
    chain: tuple[Value, ...] = ()

    def is_written_out_by(self, other: Traced) -> bool:
        """Tell whether one side has in one expression what the other has in many: nothing on the way can be the same."""
        few, many = sorted(_operations(one.chain).total() for one in (self, other))
        return few <= 1 and many > WRITTEN_OUT

    def is_like(self, other: Traced) -> bool:
        """Tell whether the other side computes in as many steps, or in one more or less, so that the makers are what makes the difference.

        Code that is written otherwise has other values on the way, right or wrong: the first of them shows nothing.
        """
        makers, others = (_operations(one.makers) for one in (self, other))
        every, other_every = (_operations(one.chain) for one in (self, other))
        if (makers and makers == others) or every.total() == other_every.total():
            return True
        return (every - other_every).total() + (other_every - every).total() == 1


def traced(values: Values, roots: Collection[tuple[Site, str]], known: Known) -> Traced:
    """Follow some parts of variables, by site and path, which are off, back to what made them, as far as the other side knows no such.

    Of a statement that runs several times the makers are those that are so each time, if there are any.
    """
    operands = list(_operands(values.rows))
    runs = []
    for row in values.rows:
        firsts = [first for path, _, first in row.parts if row.span is None and (row.site, path) in roots]
        if firsts:
            runs.append(_followed(values.rows, operands, firsts, known))
    spans = [{row.span for row in run.makers} for run in runs]
    always = set[object]().union(*spans).intersection(*spans)
    makers = [row for run in runs for row in run.makers if not always or row.span in always]
    chain = {(row.place, row.span): row for rows in (*(run.chain for run in runs), makers) for row in rows}
    places = frozenset[str]().union(*(run.places for run in runs))
    return Traced(tuple(dict.fromkeys(makers)), places, tuple(chain.values()))


def _followed(rows: Sequence[Value], operands: Sequence[set[int]], roots: list[int], known: Known) -> Traced:
    makers: list[int] = []
    off: set[int] = set()
    first = set(roots)
    while roots:
        number = roots.pop()
        if number in off:
            continue
        off.add(number)
        behind = {one: known.status(one) for one in operands[number]}
        if known.status(number) == "off" or number in first:
            makers += [] if any(one in off or status == "off" for one, status in behind.items()) else [number]
        roots += [one for one, status in behind.items() if status != "right"]
    chain = tuple(rows[n] for n in sorted(off) if rows[n].span is not None and known.status(n) == "off")
    places = frozenset(line for n in off for line in lines_of(rows[n]))
    return Traced(tuple(rows[n] for n in sorted(makers)), places, chain)


def at(found: Traced, places: Collection[str]) -> Traced:
    """Return the part of what is off that stands on some lines, the outermost of it where what makes it stands elsewhere."""
    makers, chain = (tuple(row for row in rows if row.place in places) for rows in (found.makers, found.chain))
    return Traced(makers or tuple(outermost(chain)), found.places.intersection(places), chain)


def outermost(rows: Sequence[Value]) -> list[Value]:
    """Return those of some expressions that stand in none of the others."""
    return [
        row
        for row in rows
        if not any(
            row.place == other.place and _holds(other.span, row.span) for other in rows if other.span is not None
        )
    ]


def _operations(rows: Iterable[Value]) -> Counter[str]:
    """Count what some expressions do: the last name of what one calls, or the kind of its operator. A name alone does nothing."""
    return Counter(done for row in rows if row.span is not None and (done := _operation(row.text)) is not None)


def _operation(text: str) -> str | None:
    try:
        node = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError):
        return text
    if isinstance(node, ast.Name):
        return None
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", "Call"))
    return type(node.op).__name__ if isinstance(node, (ast.BinOp, ast.UnaryOp)) else type(node).__name__


def names_read(values: Values, found: Traced) -> list[str]:
    """Return the names that what is off reads, and that no line of it assigns."""
    assigned = {_name(row)[1] for row in values.rows if row.span is None and row.place in found.places}
    read: dict[str, None] = {}
    for row in found.chain:
        with contextlib.suppress(SyntaxError, ValueError):
            nodes = ast.walk(ast.parse(f"({row.text})"))
            read.update(dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name)))
    return [name for name in read if name not in assigned]


def untold(values: Values, known: Known) -> set[str]:
    """Return the lines that assign what nobody can follow, and what has no counterpart of its own name."""
    return {row.place for row in values.rows if row.span is None and not known.tells(row)}


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
    """Which values of one side the other one has too, part by part.

    What says too little, such as a whole number or positions in order, has a counterpart of its own name in its function (what stands
    last in it); else nobody knows, if there is one that is the same. A number that is written down is part of what reads it. A variable that no row here made is right: the lines
    that make what is not are looked at too. Only of a number nobody knows who made it. Whatever is assigned to a variable of a name
    that the other side assigns in the same function is what that has there, at some time.
    """

    def __init__(self, values: Values, others: Values) -> None:
        self._values = values
        self._others = others.arrays
        self._sizes: dict[int, list[str]] = {}
        self._lengths: dict[str, float] = {}
        self._named: dict[tuple[str, str], set[str]] = {}  # by function and name
        self._assigned: dict[tuple[str, str], set[str]] = {}
        self._holders: dict[int, list[Value]] = {}  # the variables that are assigned what a row gave
        self._found: dict[int, Status] = {}
        for key, array in others.arrays.items():
            self._sizes.setdefault(array.size, []).append(key)
            self._lengths[key] = _length(array)
        for row in others.rows:
            for names in (self._named, *([self._assigned] if row.span is None else [])):
                names.setdefault(_name(row), set()).update(key for _, key, _ in row.parts)
        for row in values.rows:
            for first in _makers(row) if row.span is None else ():
                self._holders.setdefault(first, []).append(row)

    def status(self, number: int) -> Status:
        """Tell whether the other side has what a row gives; "unknown" where it has the same, which may be chance."""
        if number not in self._found:
            found = self._status(self._values.rows[number], number)
            another = any(map(self._is_another, self._holders.get(number, ())))
            self._found[number] = "off" if another else found
        return self._found[number]

    def tells(self, row: Value) -> bool:
        """Tell whether a row can be followed, or has a counterpart by its name."""
        named = self._named.get(_name(row))
        return not row.plain or (named is not None and all(self._is_in(named, a) for a in self._arrays(row)))

    def _status(self, row: Value, number: int) -> Status:
        name = _name(row)
        named = self._named.get(name)
        if not name[1] or (row.text == name[1] and not (row.plain and named)):
            return "right"
        arrays = [self._values.arrays[key] for _, key, first in row.parts if first == number]
        little = [array for array in arrays if not is_computed(array)]
        if not all(self._is_in(named if any(array is one for one in little) else None, array) for array in arrays):
            return "off"
        return "unknown" if little and not named else "right"

    def _is_another(self, variable: Value) -> bool:
        named = self._assigned.get(_name(variable))
        return named is not None and not all(self._is_in(named, array) for array in self._arrays(variable))

    def _arrays(self, row: Value) -> list[Array]:
        return [self._values.arrays[key] for _, key, _ in row.parts]

    def _is_in(self, keys: set[str] | None, array: Array) -> bool:
        """Tell whether an array is one of the other side's, of some ``keys`` if these are given."""
        length = _length(array)
        return any(
            same(array, self._others[key])
            for key in self._sizes.get(array.size, ())
            if (keys is None or key in keys)
            and abs(length - self._lengths[key]) <= NEAR * max(length, self._lengths[key])
        )


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
