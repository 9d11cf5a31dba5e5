"""By how much the own code of some calls passes on other gradients than the reference's: what makes up for it.

Gradients are linear in what arrives. With that much added, code that gets the reference's gradients passes the reference's
on; and what is off before it still shows behind it, which it does not where the code passes the reference's on regardless.
"""

from __future__ import annotations

from typing import Collection

from ..arrays import Array
from .names import Name
from .pieces import Piece, Pieces, pull_back
from .probe import Probe


def corrections(probe: Probe, owners: Collection[str]) -> dict[Name, Array]:
    """Run once in pieces and return, for each gradient that the code of ``owners`` makes, the reference's less its own."""
    found: dict[Name, Array] = {}
    reference = probe.reference

    def settle(name: Name, array: Array | None, exact: bool) -> None:
        expected = reference.gradient(name)
        if exact or not reference.has_gradient(name):
            return
        if array is not None:
            found[name] = -array if expected is None else expected - array.reshape(expected.shape)
        elif expected is not None:
            found[name] = expected

    def finished(piece: Piece) -> None:
        if piece.owner in owners:
            pull_back(probe.adapter, piece, reference.gradient, settle)

    Pieces(probe, finished).read()
    return found
