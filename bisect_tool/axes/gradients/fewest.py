"""The fewest suspects that make every gradient agree: code that need not be put right does no harm.

How a gradient is split between two names of one value, say, or a factor that one call has for another. Such calls are wrong
by their pieces, and right together: none of them can be left out alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bisect_tool.axes.gradients.passes import Backward
from bisect_tool.axes.gradients.proofs import pass_with
from bisect_tool.axes.gradients.suspects import Suspect, split
from bisect_tool.search.ddmin import ddmin
from bisect_tool.search.verdict import Verdict

MOST_PASSES = 80
MOST_SINGLE = 16  # calls that are tried one by one, where more are put together by their kind
MOST_PAIRED = 8  # suspects that are left out by twos


@dataclass(frozen=True)
class Fewest:
    """The suspects that are left; ``told`` says whether no fewer of them would do, as far as was asked."""

    suspects: Sequence[Suspect]
    told: bool = True


def fewest(asked: Backward, suspects: Sequence[Suspect]) -> Fewest:
    """Return the fewest of some suspects with which put right every gradient agrees; all where it does not with all of them."""
    made = 0

    def agree(chosen: Sequence[Suspect]) -> bool:
        nonlocal made
        made += 1
        reading = None if made > MOST_PASSES else pass_with(asked, chosen)
        return reading is not None and reading.failure is None and not asked.off(reading)

    def smallest(among: Sequence[Suspect]) -> list[Suspect]:
        def verdict(chosen: Collection[int]) -> Verdict:
            return Verdict.AGREES if agree([among[number] for number in sorted(chosen)]) else Verdict.DIVERGES

        return [among[number] for number in sorted(ddmin(range(len(among)), verdict))]

    single = [one for suspect in suspects for one in split(suspect)]
    if len(single) < 2 or not agree(suspects):
        return Fewest(suspects)
    found = smallest(suspects)
    single = [one for suspect in found for one in split(suspect)]
    found = smallest(single) if len(single) <= MOST_SINGLE else found
    while 2 < len(found) <= MOST_PAIRED:
        rests = ([one for one in found if one not in pair] for pair in itertools.combinations(found, 2))
        smaller = next((rest for rest in rests if agree(rest)), None)
        if smaller is None:
            break
        found = smallest(smaller)
    return Fewest(found, told=made <= MOST_PASSES)
