"""Find the cut at which a divergence begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bisect_tool.search.verdict import Verdict


@dataclass(frozen=True)
class Boundary:
    """Two cuts between which the verdict changes: ``low`` diverges, ``high`` agrees.

    ``high - low`` is 1 unless every cut in between was unresolved.
    """

    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Tell whether the boundary lies at a single site."""
        return self.high - self.low == 1


def bisect_cuts(count: int, verdict_at: Callable[[int], Verdict], *, guess: int | None = None) -> Boundary:
    """Find two neighbouring cuts between which the verdict changes.

    Cut 0 is assumed to diverge and cut ``count`` to agree; neither is asked. ``guess`` is a cut that may
    well diverge while the next one agrees: a right guess takes two probes, a wrong one costs at most two.
    Asks O(log count) cuts otherwise and steps around unresolved ones: if all that remain are unresolved,
    the boundary is wider than one cut, and says so.
    """
    low, high = 0, count
    unresolved: set[int] = set()
    first = [] if guess is None else [guess + 1, guess]
    # Invariant: cut ``low`` diverges, cut ``high`` agrees, and nothing in between has been resolved.
    while (cut := _next_cut(low, high, unresolved, first)) is not None:
        verdict = verdict_at(cut)
        if verdict is Verdict.DIVERGES:
            low = cut
        elif verdict is Verdict.AGREES:
            high = cut
        else:
            unresolved.add(cut)
    return Boundary(low, high)


def _next_cut(low: int, high: int, unresolved: set[int], first: list[int]) -> int | None:
    for cut in first:
        if low < cut < high and cut not in unresolved:
            return cut
    middle = (low + high) // 2
    for offset in range(high - low):
        for cut in (middle - offset, middle + offset):
            if low < cut < high and cut not in unresolved:
                return cut
    return None
