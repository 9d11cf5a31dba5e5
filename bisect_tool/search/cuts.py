"""Find the cut at which a divergence begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def bisect_cuts(count: int, verdict_at: Callable[[int], Verdict], *, likely: Sequence[int] = ()) -> Boundary:
    """Find two neighbouring cuts between which the verdict changes.

    Cut 0 is assumed to diverge and cut ``count`` to agree; neither is asked. ``likely`` are cuts that may well
    diverge while the next one agrees: they are tried first, a single right one takes two probes. Asks at most
    ceil(log2 count) + 2 cuts, however wrong they are, and steps around unresolved ones: if all that remain are
    unresolved, the boundary is wider than one cut, and says so.
    """
    low, high = 0, count
    budget = _bits(count) + 2
    tried = sorted({cut for first in likely for cut in (first, first + 1)})
    unresolved: set[int] = set()
    # Invariant: cut ``low`` diverges, cut ``high`` agrees, and nothing in between has been resolved.
    while True:
        open_ = [cut for cut in tried if low < cut < high and cut not in unresolved]
        cut = open_[len(open_) // 2] if open_ else None
        if cut is None or _bits(max(cut - low, high - cut)) >= budget:
            cut = _middle(low, high, unresolved)
        if cut is None:
            return Boundary(low, high)
        budget -= 1
        verdict = verdict_at(cut)
        if verdict is Verdict.DIVERGES:
            low = cut
        elif verdict is Verdict.AGREES:
            high = cut
        else:
            unresolved.add(cut)


def _middle(low: int, high: int, unresolved: set[int]) -> int | None:
    middle = (low + high) // 2
    for offset in range(high - low):
        for cut in (middle - offset, middle + offset):
            if low < cut < high and cut not in unresolved:
                return cut
    return None


def _bits(width: int) -> int:
    """Return ceil(log2 width): the probes that a plain bisection of so many sites takes."""
    return (width - 1).bit_length()
