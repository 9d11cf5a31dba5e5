"""Which wrong regions are another way of writing: what is around them is right with them as they are, and would feel a fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bisect_tool.axes.calls.dissolve import Search, close, kinds
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.regions import Pass, Region, owner
from bisect_tool.questions.judging import largest
from bisect_tool.sites import STEP, Site

MOST_GROUPS = 12  # of wrong regions that are tried together
CHANCE = 1e-3  # of what an error of some size moves the targets by; no nearer to the reference's they come by chance


@dataclass(frozen=True)
class Excused:
    """The ``roots`` of regions that are another way of writing, what is dissolved ``beside`` to see it, and who was not ``asked``."""

    roots: frozenset[Site] = frozenset()
    beside: frozenset[Site] = frozenset()
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
        except PassError:  # with these left to it the port does not run: no other way of writing
            pass
        asked |= group
    return dataclasses.replace(excused, unasked=frozenset(wrong) - asked - excused.roots)


def _tried(search: Search, found: Pass, group: frozenset[Site], levels: int, known: Excused) -> Excused:
    """Return who is excused once some regions are dissolved into what is around them, and around that."""
    wrong = {region.root for region in search.unexplained(found)}
    roots, beside = set(known.roots), set(known.beside)
    climbing, trial = set(group), set(found.dissolved | group)
    for _ in range(levels):
        if not climbing:
            break
        tried = close(search, trial, only={owner(found.rows, trial, site) for site in climbing})
        right = {site for site in climbing if tried.region_of(site).right}
        for site in _felt(search, found, tried, right):
            region = tried.region_of(site)
            roots |= region.pieces & wrong - {STEP}
            beside |= region.pieces - {region.root}
        climbing = {site for site in climbing - right if tried.region_of(site).root != STEP}
        trial |= {tried.region_of(site).root for site in climbing}
    return Excused(frozenset(roots), frozenset(beside))


def _felt(search: Search, found: Pass, tried: Pass, right: Collection[Site]) -> Iterator[Site]:
    """Yield those whose surroundings are right, and clearly wrong once what they give is disturbed."""
    if not right:
        return
    sizes = {site: min(_error(found, found.regions[site]), 1.0) for site in right}
    # Of all that step is given the targets may read little: whether they do read what is off.
    aimed = [site for site in right if tried.region_of(site).root == STEP]
    noisy = search.passes.run(tried.dissolved, disturbed=sizes, aimed=aimed)
    floors = search.passes.floors
    by_chance = floors.off_by(tried.reading.targets) > CHANCE * floors.off_by(noisy.reading.targets)
    for site in right:
        around = noisy.region_of(site)
        if not around.right and not (around.root == STEP and by_chance):
            yield site


def _error(found: Pass, region: Region) -> float:
    """Return how far off is what a region gives or hands on."""
    handed = [largest(found.rows[site].inputs) for site in region.handed_off]
    return max(largest(found.rows[region.root].output), *handed, 0.0)


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
