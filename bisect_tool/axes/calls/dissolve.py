"""Which calls must be dissolved so that each region left is one that values can judge, and which of them need not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bisect_tool.axes.calls.passes import PassError, Passes
from bisect_tool.axes.calls.regions import Pass, Region, chain
from bisect_tool.pairing.trace import Trace
from bisect_tool.sites import STEP, Site, module_of


@dataclass
class Search:
    """What the steps of one search share.

    Attributes: ``fixed`` (calls that are known to mean another thing in the port: they are never put back), ``known`` (pieces
    that were named at another point: a region that holds one is explained), ``innocent`` (pieces of regions that were right in
    some pass), ``right`` (those of them that were so by themselves), ``kept`` (calls that are dissolved no more), ``calls`` (every recorded call that may be made, to the
    one around it).
    """

    passes: Passes
    fixed: frozenset[Site]
    known: frozenset[Site]
    calls: Mapping[Site, Site]
    innocent: set[Site] = field(default_factory=set)
    right: set[Site] = field(default_factory=set)
    kept: set[Site] = field(default_factory=set)

    def unexplained(self, found: Pass) -> list[Region]:
        """Return the regions that are not right, and hold nothing that was named before."""
        return [region for region in found.wrong() if self.known.isdisjoint(region.pieces)]

    @property
    def trace(self) -> Trace:
        """Return the recorded calls."""
        return self.passes.floors.trace

    def run(self, dissolved: Collection[Site]) -> Pass:
        """Run one pass, and note who is innocent by it."""
        return self.noted(self.passes.run(dissolved))

    def noted(self, found: Pass) -> Pass:
        """Note who is innocent by a pass, and return it."""
        self.innocent |= found.innocent()
        self.right |= {root for root, region in found.regions.items() if region.right and len(region.pieces) == 1}
        return found


def close(search: Search, dissolved: Collection[Site], *, only: Collection[Site] | None = None) -> Pass:
    """Dissolve what stands between wrong regions and the values around them, the outermost first, until nothing is left to.

    A wrong region in a wrong one waits: once the outer one is settled it may be right; so does one that takes something unknown
    from a call that is handed another thing. ``only``: no regions but these, and of
    what lies in them only what is handed something else; nobody is cleared then.
    """
    loose = set(dissolved)
    times = Counter[Site]()
    while True:
        found = search.run(loose) if only is None else search.passes.run(loose, about=only)
        outer: set[Site] = set()
        inner: set[Site] = set()
        handed = {site for region in found.wrong() for site in region.handed_off}
        for region in found.wrong():
            if (only is not None and region.root not in only) or _is_a_crash(search, found, region):
                continue
            inside = _between(search, found, region) if only is None else set(region.handed_off)
            if times[region.root]:  # what comes later is handed something else too: not one pass for each
                inside |= _later(found, region)
            times[region.root] += 1
            inner |= inside
            outer |= set() if _waits(search, found, region, handed) else inside
        more = outer - loose - search.kept or inner - loose - search.kept
        if not more:
            return found
        loose |= more


def _waits(search: Search, found: Pass, region: Region, handed: Collection[Site]) -> bool:
    """Tell whether a wrong region may be right once what is around it is settled."""
    if region.root == STEP:
        return False
    around = found.region_around(region.root)
    if region.failed is None and not (around.right or _is_a_crash(search, found, around)):
        return True
    return bool(found.rows[region.root].unknown_inputs) and not set(handed).isdisjoint(
        chain(found.rows, region.root)[1:]
    )


def _is_a_crash(search: Search, found: Pass, region: Region) -> bool:
    """Tell whether the port's step raises, as it does however it is asked: what is inside is judged without it."""
    pulls = found.reading.failed is not None and found.reading.failed.pulls
    crashes = pulls or search.passes.question.log.crash is not None
    return crashes and region.root == STEP and region.failed is not None


def _later(found: Pass, region: Region) -> set[Site]:
    """Return the calls of a region that are right, and come after the first that it hands something else."""
    first = next((number for number, site in enumerate(region.frontier) if site in region.handed_off), None)
    return set() if first is None else {site for site in region.frontier[first:] if found.regions[site].right}


def _between(search: Search, found: Pass, region: Region) -> set[Site]:
    """Return the calls that a wrong region and its surroundings may understand otherwise than the reference."""
    rows = found.rows
    inside = {
        s
        for s in region.frontier
        if s in region.handed_off or rows[s].unknown_output or _gives_another(search, found, s)
    }
    if region.root != STEP and rows[region.root].unknown_inputs:
        inside.add(region.root)
    if region.verdict == "failed":  # what it did not come to
        inside |= {s for s in search.calls if s not in rows and _reference_owner(search, found, s) == region.root}
    return inside - found.dissolved


def _gives_another(search: Search, found: Pass, site: Site) -> bool:
    """Tell whether a call gives another thing than the reference's, or fails though all that lies in it is dissolved."""
    region = found.regions[site]
    return region.output_off or (region.failed is not None and not _between(search, found, region))


def _reference_owner(search: Search, found: Pass, site: Site) -> Site:
    outer = search.calls[site]
    while outer in found.dissolved:
        outer = search.calls[outer]
    return outer


def spare(search: Search, found: Pass) -> Pass:
    """Put back, kind by kind, what is handed the right thing and gives another, where the region stays right with it in place.

    It was dissolved for nothing, and is judged by itself.
    """
    back = {
        site
        for region in found.regions.values()
        if region.right
        for site in region.pieces - {region.root} - search.fixed
        if handed_right(search, found, site) and not gives_right(search, found, site)
    }
    for kind in kinds(search, found, back):
        try:
            trial = search.run(found.dissolved - kind)
        except PassError:
            continue
        keep = {s for s in kind if s in trial.rows and trial.region_around(s).right}
        if keep == kind:
            found = trial
        elif keep:
            found = search.run(found.dissolved - keep)
    return found


def handed_right(search: Search, found: Pass, site: Site) -> bool:
    """Tell whether a dissolved call is handed the reference's inputs."""
    floor = search.passes.floors.inputs(Region(site, frozenset({site})))
    return not any(row.exceeds(floor) for row in found.rows[site].inputs)


def gives_right(search: Search, found: Pass, site: Site) -> bool:
    """Tell whether a dissolved call gives the reference's output."""
    floor = search.passes.floors.output(Region(site, frozenset({site})))
    return not any(row.exceeds(floor) for row in found.rows[site].output)


def is_the_same(search: Search, found: Pass, site: Site) -> bool:
    """Tell whether a call means the same in the port: it is handed and gives what the reference's call is and does."""
    return handed_right(search, found, site) and gives_right(search, found, site)


def kinds(search: Search, found: Pass, sites: Collection[Site]) -> list[frozenset[Site]]:
    """Return some calls by their kind, in order: those of one class at like places in the net, with like settings."""
    groups: dict[object, set[Site]] = {}
    ordered = [site for site in found.rows if site in sites]
    for group in search.trace.kinds(ordered):
        for site in group:
            place = tuple("#" if part.isdigit() else part for part in module_of(site).split("."))
            groups.setdefault((group, place), set()).add(site)
    return [frozenset(group) for group in groups.values()]
