"""What calls are handed and nobody can say what it means: it has no partner, or may be read in several ways."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

from ..adapters.adapter import Adapter, Tensor
from ..arrays import measure, trees
from .arguments import Arguments
from .boundaries import Compared, Found, Part
from .hidden import may_read_more


class Unknown(NamedTuple):
    """What a call is handed and has no partner: tensors of the port's by their paths, and keys of the recorded ones."""

    tensors: dict[str, Tensor]
    missing: set[str]

    def is_handed_on(self, outer: Unknown) -> bool:
        """Tell whether all of it is what the code around was handed itself, on both sides: that code made nothing of it."""
        alone = len(self.tensors) == len(outer.tensors) == 1
        pairs = (
            zip(self.tensors.values(), outer.tensors.values())
            if alone
            else ((tensor, outer.tensors.get(path)) for path, tensor in self.tensors.items())
        )
        return self.missing <= outer.missing and all(mine is theirs for mine, theirs in pairs)


class Unknowns:
    """What each recorded call of one pass was handed so."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._of: dict[str | None, Unknown] = {}
        self._several: dict[
            str | None, set[str]
        ] = {}  # keys of what may be read in several ways, be it known which or not

    def begun(self, site: str, outer: str | None, handed: Arguments, found: Found, inputs: Compared) -> dict[str, Any]:
        """Note what a call is handed, by its arguments' names; return what its row says of it. ``outer``: the call around it.

        What shapes alone tell, such as a causal mask, is nothing that a function lacks which takes no such argument.
        """
        given = handed.by_name
        lacks = [one for one in inputs.missing if not (one.from_shapes and self._gets_no_more(handed))]
        opaque = list(trees.opaque(given, self._adapter.is_tensor))
        tensors = dict(trees.leaves(given, self._adapter.is_tensor))
        guessed = {part.path: part for part in inputs.parts if not part.known}
        names = [*inputs.unknown, *guessed]
        missing = [*lacks, *(part.partner for part in guessed.values())]
        unknown = Unknown({name: tensors[name] for name in names}, {one.key for one in missing})
        around = self._of.get(outer)
        self._of[site] = unknown
        self._several[site] = {part.partner.key for part in inputs.parts if part.reading is not None}
        listed = [*names, *(one.name for one in lacks), *opaque]
        return {
            "unknown_inputs": listed,
            "masks": _masks(found, inputs.parts),
            "handed_on": not opaque and around is not None and unknown.is_handed_on(around),
        }

    def _gets_no_more(self, handed: Arguments) -> bool:
        """Tell whether a call can have nothing but its arguments, so that it makes itself what the reference's is handed."""
        return handed.full and not may_read_more(handed.compute, self._adapter.METHOD, self._adapter.is_tensor)

    def read(self, inputs: Compared, inside: Iterable[str | None]) -> list[Part]:
        """Return what a call was handed that may be read in several ways, and its own code read: not the calls ``inside`` it."""
        keys = {key for site in inside for key in self._several.get(site, ())}
        return [part for part in inputs.parts if part.reading is not None and part.partner.key not in keys]


def _masks(found: Found, parts: Iterable[Part]) -> dict[str, str]:
    """Return of each mask of another kind, by its path, what it is, what it is compared with, and how it is read."""
    several = {part.path: part for part in parts if part.reading is not None and not part.paired}
    return {
        path: "%s %s %s" % (measure.digest(array), several[path].partner.key, several[path].reading)
        for path, array in found
        if path in several
    }


def no_longer_unknown(row: dict[str, Any], parts: Iterable[Part]) -> None:
    """Take from the row of a call what is known of its inputs now."""
    known = {part.path for part in parts}
    row["unknown_inputs"] = [name for name in row["unknown_inputs"] if name not in known]
