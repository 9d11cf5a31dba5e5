"""What the expressions of some statements give in one run, each with where its value came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..adapters.adapter import Adapter
from ..arrays import Array
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.variables import Parts
from ..code.watching import Where
from ..model.calls import Call

MOST_BYTES = 1 << 30
MOST_ROWS = 20_000
LONGEST = 80  # characters of an expression that are shown


class Expressions:
    """The values of all marked expressions, and of the variables that their statements assign, in order.

    Attributes: ``rows``, of which each part is [path, key, the number of the row that had this very value first], and ``was`` are the
    numbers of rows whose value was written over, and ``plain`` has a number of Python's in it, which nobody can follow; ``arrays`` by key; ``cut``: there were more.
    """

    def __init__(self, adapter: Adapter, lines: Lines) -> None:
        self.rows: list[dict[str, Any]] = []
        self.arrays: dict[str, Array] = {}
        self.cut = False
        self._adapter = adapter
        self._lines = lines
        self._bytes = 0
        self._was: list[int] = []
        self._first: dict[
            int, tuple[Any, str, int]
        ] = {}  # id of a value -> (it, which so keeps its id, its key, its row)

    def on_assigned(self, site: str, at: Place, _call: Call | None, where: Where, parts: Parts, _value: Any) -> None:
        """Note a value; see ``Lines.watching``."""
        if not parts or not (at.kind == "expression" or self._lines.is_marked(*where)):
            return
        self.cut = self.cut or self._bytes > MOST_BYTES or len(self.rows) >= MOST_ROWS
        if self.cut:
            return
        is_expression = at.kind == "expression"
        span = at.variable if is_expression else ""
        arrays = [(path, part, variables.to_array(self._adapter, part)) for path, part in parts]
        self._was.clear()
        self.rows.append(
            {
                "site": site,
                "place": self._lines.place(*where),
                "span": span,
                "text": self._lines.text_at(at.file, span)[:LONGEST] if span else "",
                "parts": [[path, *self._kept(part, array, is_expression)] for path, part, array in arrays],
                "was": list(self._was),
                "plain": not all(map(self._is_array, (part for _, part, _ in arrays))),
            }
        )

    def _kept(self, part: Any, array: Array, is_expression: bool) -> tuple[str, int]:
        known = self._first.get(id(part))
        is_array = self._is_array(part)
        # Else it was written since; and Python has one 2 for all, which a variable has from the last expression that gives it.
        if known is not None and (is_array or not is_expression) and _same(self.arrays[known[1]], array):
            return known[1:]
        if known is not None and is_array:
            self._was.append(known[2])
        key = "t%d" % len(self.arrays)
        self.arrays[key] = array
        self._bytes += array.nbytes
        self._first[id(part)] = (part, key, len(self.rows))
        return key, len(self.rows)

    def _is_array(self, part: Any) -> bool:
        return self._adapter.is_tensor(part) or isinstance(part, np.ndarray)


def _same(left: Array, right: Array) -> bool:
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()
