"""Whether a region is right because it undoes what it hands on, or because little of that comes through.

Where the port is written otherwise, one place undoes what another does, down to rounding. An error that a small gate or a large
constant merely shrinks is still there, as large as any other of its size would be then.
"""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.axes.calls.dissolve import Search, gives_right, handed_right
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.regions import Pass, Region
from bisect_tool.questions.judging import largest
from bisect_tool.sites import STEP, Site

LEAST = 2e-6  # relative; what is off by less may be what float32 rounds
TIMES = 3  # what the region's own pieces round
SHARE = 0.1  # of what noise of its size leaves: an error that was undone leaves much less


def with_faint_faults(search: Search, found: Pass) -> Pass:
    """Return a pass in which calls are in place again whose wrong inputs nothing undoes; they are not dissolved any more."""
    asked = {region.root: set(_led_astray(search, found, region)) for region in found.regions.values()}
    loud = {site: largest(found.rows[site].output) for sites in asked.values() for site in sites}
    if not loud:
        return found
    try:
        noisy = search.passes.run(found.dissolved, disturbed=loud)
        faint = {s for root, sites in asked.items() if sites and _comes_through(found, noisy, root) for s in sites}
        search.kept |= faint
        return search.run(found.dissolved - faint) if faint else found
    except (PassError, SpentError):
        return found


def _led_astray(search: Search, found: Pass, region: Region) -> Iterator[Site]:
    """Yield what is dissolved in a right region, is handed something else and gives it, where that may be seen around it."""
    if region.root == STEP or not region.right:
        return
    if not found.error(region, region.frontier) > max(LEAST, TIMES * search.passes.floors.rounds(region)):
        return
    for site in region.pieces - search.fixed - {region.root}:
        row = found.rows[site]
        known = not (row.unknown_inputs or row.unknown_output) and all(c.mismatch is None for c in row.output)
        if known and not handed_right(search, found, site) and not gives_right(search, found, site):
            yield site


def _comes_through(found: Pass, noisy: Pass, root: Site) -> bool:
    """Tell whether a region gives as much of its own error as of noise of that size."""
    plain, loud = (one.error(one.regions[root], one.regions[root].frontier) for one in (found, noisy))
    return plain >= SHARE * loud
