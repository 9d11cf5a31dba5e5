"""Who in a wrong region makes what is off.

A region begins also where a dissolved call is handed the reference's values as they are, though what it gives means another thing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from bisect_tool.axes.calls.dissolve import Search, handed_right
from bisect_tool.axes.calls.regions import Pass, Region, chain
from bisect_tool.sites import Site


def narrowed(search: Search, found: Pass, region: Region) -> list[Region]:
    """Return the parts of a wrong region that hold a fault: those that make what is off, each by itself if they are of one kind.

    Where all that is off is handed to calls in place, the rest of the region is right: what it gives, and hands on, is.
    """
    if region.output_off or region.failed is not None:
        return [region]
    fed: dict[Site, tuple[Site, ...]] = {}
    for call in region.handed_off:
        begin = _begin(search, found, region, call)
        fed[begin] = (*fed.get(begin, ()), call)
    own = {begin: _inside(found, region, begin) for begin in fed}
    if region.root in own:
        return [region]
    if len(search.trace.kinds(own)) == 1 and _apart(own):
        return [search.passes.part_of(found, region, Region(b, own[b], handed_off=calls)) for b, calls in fed.items()]
    return [dataclasses.replace(region, pieces=frozenset().union(*own.values()))]


def _begin(search: Search, found: Pass, region: Region, call: Site) -> Site:
    """Return the innermost call around another one, in a region, that is handed the reference's values, all known."""
    return next(
        site
        for site in chain(found.rows, call)[1:]
        if site == region.root or (not found.rows[site].unknown_inputs and handed_right(search, found, site))
    )


def _inside(found: Pass, region: Region, begin: Site) -> frozenset[Site]:
    return frozenset(site for site in region.pieces if begin in chain(found.rows, site))


def _apart(own: Mapping[Site, frozenset[Site]]) -> bool:
    return sum(map(len, own.values())) == len(frozenset().union(*own.values()))
