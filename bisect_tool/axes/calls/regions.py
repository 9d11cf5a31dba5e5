"""A forced pass cut into regions, each judged by itself.

A *piece* is the own code of one call, or of ``step``. A *region* is a piece and the calls dissolved in it. What goes into it was
given the reference's value, what comes out was compared: its output, and what it hands to each call in place that it makes. What
buffers hold goes in and comes out like values. So a
region that is off holds a fault, whatever else is wrong in the port; and a piece of one that is right is innocent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bisect_tool.probes.reading import Reading, Watched
from bisect_tool.questions.judging import largest
from bisect_tool.sites import STEP, Site

Rows = Mapping[Site, Watched]


@dataclass(frozen=True)
class Region:
    """Some pieces that are judged together.

    Attributes:
        root: the outermost piece; all others are dissolved in it.
        frontier: the calls in place that it makes, in order.
        output_off: whether its output is off, or a buffer as it ends; of ``step``, whether a target or a buffer is.
        handed_off: the calls of the frontier that it hands something else, or lets begin with another buffer.
        failed: what it raised, if it did.
        unknown: what goes into it or comes out of it and was neither given nor compared, in words.

    """

    root: Site
    pieces: frozenset[Site]
    frontier: tuple[Site, ...] = ()
    output_off: bool = False
    handed_off: tuple[Site, ...] = ()
    failed: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["right", "wrong", "failed"]:
        """Return what the pass shows of it; only "right" and "wrong" prove anything."""
        if self.failed is not None:
            return "failed"
        return "wrong" if self.output_off or self.handed_off else "right"

    @property
    def right(self) -> bool:
        """Tell whether nothing is off."""
        return self.verdict == "right"


def around(rows: Rows, site: Site) -> Site:
    """Return the call that makes another one in the port."""
    outer = rows[site].around
    return STEP if outer is None else Site(outer)


def maker(rows: Rows, site: Site) -> Site:
    """Return whose code makes what a call is handed and has no partner: not who was handed it as well, and hands it on."""
    while site != STEP and rows[site].handed_on:
        site = around(rows, site)
    return site if site == STEP else around(rows, site)


def chain(rows: Rows, site: Site) -> list[Site]:
    """Return a call and those around it in the port, innermost first, ``step`` last."""
    found = [site]
    while found[-1] != STEP:
        found.append(around(rows, found[-1]))
    return found


def owner(rows: Rows, dissolved: Collection[Site], site: Site) -> Site:
    """Return the root of the region that a piece lies in."""
    while site in dissolved:
        site = around(rows, site)
    return site


def cut(rows: Rows, dissolved: Collection[Site]) -> dict[Site, Region]:
    """Return the regions of a pass by their roots, ``step`` first, not yet judged."""
    pieces: dict[Site, set[Site]] = {STEP: {STEP}}
    frontier: dict[Site, list[Site]] = {STEP: []}
    for site in rows:
        root = owner(rows, dissolved, site)
        pieces.setdefault(root, set()).add(site)
        frontier.setdefault(root, [])
        if root == site:
            frontier.setdefault(owner(rows, dissolved, around(rows, site)), []).append(site)
    return {root: Region(root, frozenset(found), tuple(frontier[root])) for root, found in pieces.items()}


@dataclass(frozen=True)
class Pass:
    """One forced pass: its rows, its regions, and which calls were dissolved."""

    rows: Rows
    dissolved: frozenset[Site]
    regions: Mapping[Site, Region]
    reading: Reading = field(default_factory=Reading)

    def region_of(self, site: Site) -> Region:
        """Return the region that a piece lies in."""
        return self.regions[owner(self.rows, self.dissolved, site)]

    def region_around(self, site: Site) -> Region:
        """Return the region that makes a call."""
        return self.region_of(around(self.rows, site))

    def wrong(self) -> Iterator[Region]:
        """Yield the regions that are not right, in order."""
        return (region for region in self.regions.values() if not region.right)

    def error(self, region: Region, handed: Collection[Site]) -> float:
        """Return how far off is what a region gives, and hands some of its calls: the worst of it, infinity where it does not compare."""
        off = [largest(self.rows[site].inputs) for site in handed]
        return max(largest(self.rows[region.root].output), *off, 0.0)

    def innocent(self) -> frozenset[Site]:
        """Return the pieces of regions that are right, with all that they make for others compared.

        One that makes something unknown is as right as whoever takes it.
        """
        clear = {
            root
            for root, region in self.regions.items()
            if region.right and not (root != STEP and self.rows[root].unknown_output)
        }
        while True:
            less = clear & {
                self.region_of(maker(self.rows, site)).root
                for site in self.regions
                if site != STEP and self.rows[site].unknown_inputs and site not in clear
            }
            if not less:
                return frozenset(piece for root in clear for piece in self.regions[root].pieces)
            clear -= less
