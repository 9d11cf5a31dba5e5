"""Wrong calls that may be so for each other: an operation that one does for the other, and a fault in one of them.

At the edge between a call and what is around it, a port may do on one side what the reference does on the other: that passes
other gradients on, and is right. Beside a fault in the same code neither can be left out, and pieces cannot tell whose it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

from bisect_tool.axes.gradients.pieces import Pieces
from bisect_tool.pairing.trace import Trace
from bisect_tool.sites import STEP, Site, module_of


def together(trace: Trace, pieces: Pieces, owners: Collection[Site]) -> list[tuple[Site, ...]]:
    """Return those of some wrong calls that may be so for each other, the outermost first."""
    groups: list[set[Site]] = []
    for one, other in itertools.permutations(owners, 2):
        if _may_be_for(trace, pieces, one, other):
            joined = [group for group in groups if not group.isdisjoint((one, other))]
            groups = [group for group in groups if group not in joined] + [{one, other}.union(*joined)]
    return [tuple(sorted(group, key=lambda site: (site != STEP, len(trace.chain(site))))) for group in groups]


def _may_be_for(trace: Trace, pieces: Pieces, call: Site, other: Site) -> bool:
    """Tell whether a call may do at its edge what another does in the reference, or the reverse: the code around it, or a sister."""
    if call == STEP:
        return False
    number, chain = trace.sites.index(call), trace.chain(call)
    before = set(trace.sites[:number]) - set(chain)
    takes = any(row.part == "inputs" for row in pieces.off[call])
    if other == STEP or other in chain[1:]:
        rows = pieces.off[other]
        hands = any(row.part != "output" or row.site in before for row in rows)
        later = [trace.chain(site) for site in trace.sites[number + 1 :] if site not in chain]
        ends = {site for site in chain if not any(site in around[1:] for around in later)}  # what it gives, they give
        receives = any(row.part == "output" and row.site in ends for row in rows)
        return (takes and hands) or (receives and _altogether(pieces, call))
    # Calls of one class are wrong for one reason.
    sisters = (
        other in before and trace.owner(call) == trace.owner(other) and _class(trace, call) != _class(trace, other)
    )
    return sisters and takes and _altogether(pieces, other)


def _class(trace: Trace, call: Site) -> object:
    return trace.classes.get(module_of(call))


def _altogether(pieces: Pieces, call: Site) -> bool:
    return len(pieces.off[call]) == pieces.known.get(call)
