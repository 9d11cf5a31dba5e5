"""Which wrong regions are another way of writing: what is around them is right with them as they are, and would feel a fault."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bisect_tool.axes.calls.dissolve import Search, close, gives_right, handed_right, kinds
from bisect_tool.axes.calls.passes import Floors, PassError, SpentError
from bisect_tool.axes.calls.regions import Pass, Region, Rows, around, owner
from bisect_tool.probes.reading import Comparison
from bisect_tool.questions.judging import largest
from bisect_tool.sites import STEP, Site

MOST_GROUPS = 12  # of wrong regions that are tried together
CHANCE = 1e-3  # of what an error of some size moves the targets by; no nearer to the reference's they come by chance


@dataclass(frozen=True)
class Excused:
    """Which wrong regions are another way of writing, and which may be.

    Attributes: ``roots`` of those that are; ``beside``, what else is dissolved to see it, and the pass in which it is;
    ``linked``, pairs of wrong regions of which the one is handed something else by the other; ``unasked``, who was not asked.
    """

    roots: frozenset[Site] = frozenset()
    beside: Mapping[Site, Pass] = field(default_factory=dict)
    linked: frozenset[tuple[Site, Site]] = frozenset()
    unasked: frozenset[Site] = frozenset()


def excuse(search: Search, found: Pass, depth: int) -> Excused:
    """Dissolve wrong regions into what is around them, in groups, and look whether that is right, level by level.

    Into ``step`` only where the targets come out nearer to the reference's than a few scalars do by chance.
    """
    wrong = {region.root: region for region in search.unexplained(found) if region.root != STEP}
    # Where one kind alone is wrong, and another way of writing, the whole port computes the same.
    if len(search.trace.kinds(wrong)) == 1 and search.passes.others_targets():
        return Excused()
    excused, asked = Excused(), set[Site]()
    for group, levels in _groups(search, found, wrong, depth):
        try:
            excused = _tried(search, found, group - excused.roots, levels, excused)
        except SpentError:
            break
        except PassError:  # with these left to it the port does not run, or not to all of them: no other way of writing
            pass
        asked |= group
    return dataclasses.replace(excused, unasked=frozenset(wrong) - asked - excused.roots)


def _tried(search: Search, found: Pass, group: frozenset[Site], levels: int, known: Excused) -> Excused:
    """Return who is excused once some regions are dissolved into what is around them, and around that."""
    wrong = {region.root for region in search.unexplained(found)}
    roots, beside, linked = set(known.roots), dict(known.beside), set(known.linked)
    climbing, trial = set(group), found.dissolved | group
    for _ in range(levels):
        if not climbing:
            break
        only = {owner(found.rows, trial, site) for site in climbing}
        first = _coming_to(climbing, search.passes.run(trial, about=only))
        linked |= {(site, c) for site in climbing for c in first.region_of(site).handed_off if c in wrong - group}
        closed = _coming_to(climbing, close(search, trial, only=only))
        linked |= set(_undoing(found, closed, wrong))
        tried = _disturbed(search, found, closed, climbing)
        cleared = {site for site in climbing if tried.clears(site, search.passes.floors)}
        for site in cleared:
            region = tried.plain.region_of(site)
            roots |= region.pieces & wrong - {STEP} if region.right else {site}
            beside |= dict.fromkeys(region.pieces - {region.root}, tried.plain)
        climbing = {site for site in climbing - cleared if tried.plain.region_of(site).root != STEP}
        trial = tried.plain.dissolved | {tried.plain.region_of(site).root for site in climbing}
    return Excused(frozenset(roots), beside, frozenset(linked))


def _undoing(found: Pass, closed: Pass, wrong: Collection[Site]) -> Iterator[tuple[Site, Site]]:
    """Yield wrong regions with the last one before that was left to the port, too, where they are less off for that.

    The one may undo what the other does, though calls lie between that are right, and though there is a fault beside.
    """
    before: dict[Site, Site] = {}
    for site in closed.rows:
        if site in wrong and site in closed.dissolved:
            root = closed.region_of(site).root
            if root in before and largest(closed.rows[site].output) < largest(found.rows[site].output) < math.inf:
                yield before[root], site
            before[root] = site


class Tried(NamedTuple):
    """A pass in which some wrong regions are dissolved, and the same with what they give disturbed.

    Attributes: ``own``, the pieces of each; ``noisy`` is None where nothing in it could clear anybody.
    """

    plain: Pass
    noisy: Pass | None
    own: Mapping[Site, frozenset[Site]]

    def clears(self, site: Site, floors: Floors) -> bool:
        """Tell whether all that comes from a region is right around it, and some of that clearly wrong once it is disturbed."""
        if self.noisy is None:
            return False
        region, noisy = self.plain.region_of(site), self.noisy.region_of(site)
        if region.failed is not None or any(self._reaches(site, call) for call in region.handed_off):
            return False
        if region.output_off and (region.root == STEP or self._moves(lambda rows: rows[region.root].output)):
            return False
        if not set(noisy.handed_off) <= set(region.handed_off):
            return True
        if region.root != STEP:
            return noisy.output_off and not region.output_off
        before, after = (floors.off_by(one.reading.targets) for one in (self.plain, self.noisy))
        return noisy.output_off and before <= CHANCE * after

    def _reaches(self, site: Site, call: Site) -> bool:
        """Tell whether what a call is handed may come from a region: its own code makes it, or it moves with what that gives."""
        made = around(self.plain.rows, call) in self.own[site]
        return made or self._moves(lambda rows: rows[call].inputs)

    def _moves(self, value: Callable[[Rows], Sequence[Comparison]]) -> bool:
        """Tell whether the disturbance makes a value another one; infinity, or another shape, does not tell."""
        plain = value(self.plain.rows)
        return self.noisy is None or plain != value(self.noisy.rows) or any(row.mismatch is not None for row in plain)


def _coming_to(sites: Collection[Site], found: Pass) -> Pass:
    """Return a pass. Raises PassError where it does not come to some calls: what raised before them is left to the port too."""
    if set(sites) - found.rows.keys():
        raise PassError
    return found


def _disturbed(search: Search, found: Pass, tried: Pass, climbing: Collection[Site]) -> Tried:
    """Disturb what regions give that are dissolved in a pass, where what is around one of them is right in it, or heals.

    It heals where a call is handed the right thing that was handed something else before. Such calls are put back in place.
    """
    rows = [site for site in tried.rows if site in found.rows and site not in {*climbing, *search.fixed}]
    healed = {s for s in rows if handed_right(search, tried, s) and not handed_right(search, found, s)}
    loose = {s for s in healed & tried.dissolved if gives_right(search, tried, s)}
    plain = search.passes.cut_anew(tried, tried.dissolved - loose)
    own = {site: found.regions[site].pieces for site in climbing}
    if not healed and not any(plain.region_of(site).right for site in climbing):
        return Tried(plain, None, own)
    sizes = {site: min(_error(search, found, plain, site), 1.0) for site in climbing}
    # Of all that step is given the targets may read little: whether they do read what is off.
    aimed = [site for site in climbing if plain.region_of(site).root == STEP]
    disturbed = _coming_to(climbing, search.passes.run(plain.dissolved, disturbed=sizes, aimed=aimed))
    return Tried(plain, disturbed, own)


def _error(search: Search, found: Pass, tried: Pass, site: Site) -> float:
    """Return how far off is what reaches the code around a region once that is dissolved; else what it gives or hands on.

    What it hands on may be off by far more than what it makes of that in the end.
    """
    gives, region = largest(tried.rows[site].output), found.regions[site]
    if gives > search.passes.floors.output(region):
        return gives
    return found.error(region, region.handed_off)


def _groups(search: Search, found: Pass, wrong: Mapping[Site, Region], depth: int) -> list[tuple[frozenset[Site], int]]:
    """Return which regions are tried together: all, those of one kind, and one kind in each region around them."""
    by_kind = kinds(search, found, wrong)
    above = {site: found.region_around(site).root for site in wrong}
    kind_of = {site: number for number, kind in enumerate(by_kind) for site in kind}
    rank = {site: sorted({kind_of[o] for o in wrong if above[o] == above[site]}).index(kind_of[site]) for site in wrong}
    groups = [(frozenset(wrong), depth)]
    groups += [(kind, depth) for kind in by_kind if len(by_kind) > 1]
    for number in range(max(rank.values(), default=-1) + 1):
        groups.append((frozenset(site for site in wrong if rank[site] == number), 1))
    found_groups: dict[frozenset[Site], int] = {}
    for group, levels in groups:
        if group:
            found_groups.setdefault(group, levels)
    return list(found_groups.items())[:MOST_GROUPS]
