"""Who looks at what a run assigns: every variable noted in order, or some found again by their values."""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Mapping

from ..adapters.adapter import Adapter
from ..arrays import trees
from ..arrays.measure import ROUNDING
from ..arrays.telling import is_telling
from ..code import variables
from ..code.lines import Lines
from ..code.rewriting import Place
from ..code.variables import Parts
from ..code.watching import Unseen, Where
from ..model.build import Model
from ..model.calls import Call, chain, ended
from .reference import Reference
from .writes import Writes


class Survey:
    """Every variable that the watched functions of one run assign, and the exceptions that they catch.

    Attributes: ``assigned`` in order, ``excerpts`` of the lines they stand on, ``caught``, and ``conditions``: place of a
    call to [place, names called in it] of each condition that it stands under.
    """

    def __init__(self, model: Model, lines: Lines) -> None:
        self.assigned: list[dict[str, Any]] = []
        self.excerpts: dict[str, Any] = {}
        self.conditions: dict[str, Any] = {}
        self.caught: list[dict[str, Any]] = []
        self._last: dict[tuple[str, str], int] = {}  # function and variable to what it was last assigned
        self._adapter = model.adapter
        self._writes = Writes(model)
        self._lines = lines

    def on_assigned(self, site: str, at: Place, call: Call | None, where: Where, parts: Parts, value: Any) -> None:
        """Note a variable; see ``Lines.watching``."""
        place = self._lines.noted(self.excerpts, *where)
        declared = self._lines.noted(self.excerpts, at.file, at.line) if at.kind == "parameter" else ""
        function, _, name = site.partition(":")
        self._last[function, name.partition("#")[0]] = id(value)
        if at.kind == "parameter" and place not in self.conditions:
            self.conditions[place] = [
                [self._lines.noted(self.excerpts, where[0], line), called]
                for line, called in self._lines.conditions(*where)
            ]
        arrays = [(path, variables.to_array(self._adapter, part)) for path, part in parts]
        self.assigned.append(
            {
                "site": site,
                "kind": at.kind,
                "around": [one.site for one in chain(call)],
                "after": len(ended()),
                "place": place,
                "declared": declared,
                "type": type(value).__name__,
                "unseen": isinstance(value, Unseen),
                "read": at.read or [],
                "parts": [[path, list(array.shape), array.dtype.name] for path, array in arrays],
            }
        )
        self._writes.noted(self.assigned[-1], at, parts)

    def raised(self, error: BaseException) -> dict[str, str] | None:
        """Say at which line the watched code raised, and what its function is called here: the one whose variables these are."""
        found = self._lines.raised(error)
        if found is None:
            return None
        where, variables = found
        held = {name: id(value) for name, value in variables.items()}
        alike = Counter(function for (function, name), value in self._last.items() if held.get(name) == value)
        function = max(alike, key=lambda name: alike[name], default="")
        return {"place": self._lines.noted(self.excerpts, *where), "function": function}

    def on_caught(self, place: Place, error: BaseException) -> None:
        """Note an exception; see ``Lines.watching``."""
        self.caught.append(self._lines.caught(place, error))


class Namesakes:
    """Which of some variables have the values of which of the reference's: ``found`` is {the reference's name: site}.

    ``names`` are the variables that may be one of the candidates, {the reference's name: tree}.
    """

    def __init__(
        self, adapter: Adapter, reference: Reference, names: Iterable[str], candidates: Mapping[str, dict[str, Any]]
    ) -> None:
        self.found: dict[str, str] = {}
        self._adapter = adapter
        self._reference = reference
        self._names = set(names)
        self._candidates = candidates

    def on_assigned(self, site: str, _at: Place, _call: Call | None, _where: Where, parts: Parts, _value: Any) -> None:
        """Pair a variable with the first candidate that has its values, where these say something."""
        if site not in self._names:
            return
        arrays = [variables.to_array(self._adapter, part) for _, part in parts]
        if not any(map(is_telling, arrays)):
            return
        for name, tree in self._candidates.items():
            keys = [key for _, key in trees.keys(tree)]
            if name in self.found or len(keys) != len(arrays):
                continue
            expected = [self._reference.read(key) for key in keys]
            rows = [variables.difference(array, want) for array, want in zip(arrays, expected)]
            if all(row.get("error", 1.0) <= ROUNDING for row in rows):
                self.found[name] = site
                return
