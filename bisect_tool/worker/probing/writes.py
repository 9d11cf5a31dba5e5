"""Which of a model's parameters and buffers an assignment writes, by whatever name the code calls them."""

from __future__ import annotations

from typing import Any, Iterable

from ..code.rewriting import Place
from ..code.variables import Parts
from ..model.build import Model


class Writes:
    """Looks at each assignment of a run, in order, and says of it in its row what it writes: ``row["writes"]``.

    What is changed in place lies where a tensor of the model does. What is assigned to an attribute does so only once the
    statement is over: that is looked at when the next one comes. What lay there before is only read, under one more name.
    Nothing is said where nobody knows where values lie.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._adapter = model.adapter
        self._lying: dict[Any, list[str]] | None = None  # where values lie to the tensors of the model
        self._kept: list[Any] = []  # so that nothing else comes to lie there
        self._before: tuple[dict[str, Any], list[Any], set[str]] | None = None  # an attribute that is being assigned

    def noted(self, row: dict[str, Any], at: Place, parts: Parts) -> None:
        """Look at one assignment."""
        self._settle()
        if not (at.kind == "changed" or (at.kind == "assigned" and "." in at.variable)):
            return
        where = [self._adapter.memory(part) for _, part in parts if self._adapter.is_tensor(part)]
        places = [place for place, _ in where if place is not None]
        if not places:
            return
        held = self._held_at(places)
        if at.kind == "changed":
            row["writes"] = sorted(held)
        else:
            self._before = (row, where, held)

    def _settle(self) -> None:
        if self._before is None:
            return
        row, where, held = self._before
        self._before = self._lying = None
        row["writes"] = sorted(self._held_at(place for place, _ in where) - held)

    def _held_at(self, places: Iterable[Any]) -> set[str]:
        if self._lying is None:
            self._lying, self._kept = {}, []
            for name, (module, key) in self._model.owner.items():
                tensor = self._adapter.held(module, key)
                place, memory = (None, None) if tensor is None else self._adapter.memory(tensor)
                self._lying.setdefault(place, []).append(name)
                self._kept.append(memory)
        return {name for place in places if place is not None for name in self._lying.get(place, ())}
