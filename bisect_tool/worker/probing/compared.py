"""The pieces of a port's backward pass beside what the reference's own pieces gave."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, measure
from .names import Name
from .pieces import Piece, Pieces, pull_back
from .probe import Probe


def compare(probe: Probe) -> dict[str, Any]:
    """Run once in pieces and return the reading, with ``pieces``: the gradients that each gives, compared.

    ``unsure`` are those whose gradients cannot be set beside the reference's: see ``Pieces``.
    """
    compared = Compared(probe)
    pieces = Pieces(probe, compared.finished, switched_off=compared.switched_off, unsure=compared.doubt)
    return dict(pieces.read(), pieces=compared.rows, unsure=sorted(compared.unsure))


class Compared:
    """What pieces give beside the reference's gradients: a row for each that was recorded."""

    def __init__(self, probe: Probe) -> None:
        self.rows: list[dict[str, Any]] = []
        self.unsure: set[str] = set()
        self._adapter = probe.adapter
        self._reference = probe.reference

    def finished(self, piece: Piece) -> None:
        """Pull a piece back and compare."""
        pull_back(self._adapter, piece, self._reference.gradient, self._settle, self.doubt)

    def doubt(self, *owners: str) -> None:
        """Note pieces that cannot be compared."""
        self.unsure.update(owners)

    def switched_off(self, site: str) -> None:
        """Note a call that is made with gradients switched off, where the reference's has some."""
        known = self._reference.gradients["sites"].get(site, {}).get("output", {})
        if site not in self._reference.gradients["off"] and any(key is not None for key in known.values()):
            self._note((site, "call", ""), False, {"mismatch": "called with gradients switched off"})

    def _settle(self, name: Name, array: Array | None, exact: bool) -> None:
        site, part, path = name
        sites = self._reference.gradients["sites"]
        if site in sites and path in sites[site][part]:  # else it was not asked of the reference
            self._note(name, exact, measure.pulled_apart(array, self._reference.gradient(name)))

    def _note(self, name: Name, exact: bool, gradient: dict[str, Any]) -> None:
        site, part, path = name
        self.rows.append({"site": site, "part": part, "path": path, "exact": exact, "gradient": gradient})
