"""How much of what a target is off by the weights explain, and how much is left."""

from __future__ import annotations

import math

NEARLY_ALL = 0.9


def share_of_weights(reference: float, own: float, given: float) -> float:
    """Return which share of the way from ``own`` to the ``reference`` a target goes once it is ``given`` the reference's weights.

    1 is all of it, 0 nothing, below 0 it goes away. Where all three are positive the way is one of factors: from 7437 to 1.78
    is nearly all of the way to 1.6. What is no number is infinitely far.
    """
    positive = min(reference, own, given) > 0
    before, after = (_apart(value, reference, positive=positive) for value in (own, given))
    if not math.isfinite(after):
        return 0.0
    return 1 - after / before if before else 0.0


def _apart(value: float, reference: float, *, positive: bool) -> float:
    if not math.isfinite(value):
        return math.inf
    return abs(math.log(value) - math.log(reference)) if positive else abs(value - reference)
