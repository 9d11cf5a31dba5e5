"""The search at one point: who is wrong with these weights, what is another way of writing, and who is innocent."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.axes.calls.dissolve import Search, close, is_the_same, spare
from bisect_tool.axes.calls.excuse import Excused, excuse
from bisect_tool.axes.calls.faint import with_faint_faults
from bisect_tool.axes.calls.narrow import narrowed
from bisect_tool.axes.calls.passes import FOR_EXCUSES, FOR_SHARPENING, Passes
from bisect_tool.axes.calls.regions import Pass, Region, chain
from bisect_tool.axes.calls.sharpen import sharpened
from bisect_tool.axes.calls.split import split
from bisect_tool.sites import STEP, Site, module_of, parent_of


@dataclass(frozen=True)
class Suspect:
    """A wrong region, and the pieces of it that may hold the fault: the others are innocent. ``seen`` is the pass that shows it.

    ``unasked``: whether it is but another way of writing was not asked, since no more passes could be run. ``joined`` are other
    wrong regions that are one suspect with it. ``otherwise``: its pieces are handed, or give, another thing than in the
    reference, and not for the fault. ``leaks`` are those of the pieces that hand others more than their output, see ``leaks``.
    """

    region: Region
    pieces: tuple[Site, ...]
    seen: Pass
    passes: Passes
    unasked: bool = False
    joined: tuple[Suspect, ...] = ()
    otherwise: bool = False
    leaks: tuple[Site, ...] = ()

    @property
    def shown_at(self) -> tuple[Site, ...]:
        """Return the calls at which it shows: itself where its output is off, and what it hands something else."""
        own = (self.region.root,) if self.region.output_off and self.region.root != STEP else ()
        return (*own, *self.region.handed_off, *(site for one in self.joined for site in one.shown_at))

    @property
    def roots(self) -> tuple[Site, ...]:
        """Return the outermost calls that are wrong."""
        rows, root = self.seen.rows, self.region.root
        if root not in self.pieces:
            return tuple(site for site in self.pieces if set(self.pieces).isdisjoint(chain(rows, site)[1:]))
        others = (*(one.region.root for one in self.joined), *self.leaks)
        return (root, *(site for site in others if site != STEP and root not in chain(rows, site)))

    @property
    def proved(self) -> bool:
        """Tell whether values prove it: something is off, and all that goes into the region and comes out of it is known."""
        return self.region.verdict == "wrong" and not self.region.unknown and not self.unasked


@dataclass(frozen=True)
class Found:
    """What a search found at one point.

    Attributes: ``last`` (the pass that shows it), ``suspects``, ``elsewhere`` (calls that mean another thing in the port and do no
    harm), ``innocent`` pieces, and the ``passes`` it was asked by.
    """

    last: Pass
    suspects: tuple[Suspect, ...]
    elsewhere: frozenset[Site]
    innocent: frozenset[Site]
    passes: Passes


def search_point(
    passes: Passes, calls: Mapping[Site, Site], fixed: Collection[Site] = (), known: Collection[Site] = ()
) -> Found:
    """Search at one point. ``calls`` are the recorded calls with the one around each; ``fixed`` are known to mean another thing.

    A wrong region that holds a piece which was named at another point (``known``) is explained by it. Raises PassError, SpentError.
    """
    search = Search(passes, frozenset(fixed), frozenset(known), calls)
    found = with_faint_faults(search, spare(search, close(search, fixed)))
    # A region that was right with others dissolved in it, and is not with them in place, is cleared by nothing yet.
    search.innocent -= {piece for region in found.wrong() if len(region.pieces) == 1 for piece in region.pieces}
    depth = max((len(chain(found.rows, site)) for site in found.rows), default=1)
    most = passes.most
    passes.most -= min(FOR_EXCUSES, most // 2)
    found = split(search, found)
    passes.most += FOR_SHARPENING
    found = sharpened(search, found)
    passes.most = most
    excused = excuse(search, found, depth)
    wrong = [region for region in search.unexplained(found) if region.root not in excused.roots]
    suspected = [one for region in wrong for one in _suspects(search, found, region, excused)]
    suspects = _joined(search, suspected, excused.linked)
    loose = found.dissolved | excused.beside.keys() | excused.roots
    misled = {piece for region in wrong for piece in region.pieces} & search.right  # right, and handed what is wrong
    elsewhere = frozenset(s for s in loose - misled if s not in found.rows or not is_the_same(search, found, s))
    innocent = search.innocent | excused.roots - {piece for suspect in suspects for piece in suspect.pieces}
    return Found(found, suspects, elsewhere, frozenset(innocent), passes)


def _suspects(search: Search, found: Pass, region: Region, excused: Excused) -> list[Suspect]:
    """Return who is suspected for a wrong region. Who has to be dissolved for another to be right is shown in the pass where it is."""
    unasked, seen = region.root in excused.unasked, excused.beside.get(region.root)
    if seen is not None:
        pieces = _pieces(search, found, region)
        return [Suspect(seen.region_of(region.root), pieces, seen, search.passes, unasked, otherwise=True)]
    parts = narrowed(search, found, region)
    return [Suspect(part, _pieces(search, found, part), found, search.passes, unasked) for part in parts]


def _joined(search: Search, suspects: Sequence[Suspect], linked: Collection[tuple[Site, Site]]) -> tuple[Suspect, ...]:
    """Return the suspects, one for code that is wrong around other code that is, or that feeds other code that is.

    If each level does in the port what the one in it does in the reference, those between are right, and a fault in one of the
    outer two makes the inner one wrong too; so do two of which the one undoes what the other does. A layer of the framework's
    own does nothing that could have moved.
    """
    found: list[Suspect] = []
    for suspect in suspects:
        runs = [(i, other) for i, other in enumerate(found) if other.region.failed is None]
        place = next((i for i, other in runs if _is_one(other, suspect, linked)), None)
        if place is None or search.trace.is_library(suspect.region.root) or suspect.region.failed is not None:
            found.append(suspect)
        else:
            found[place] = _with(found[place], suspect)
    return tuple(found)


def _is_one(first: Suspect, second: Suspect, linked: Collection[tuple[Site, Site]]) -> bool:
    """Tell whether values cannot tell which of two suspects holds a fault."""
    root = second.region.root
    roots = [one.region.root for one in (first, *first.joined)]
    around = chain(second.seen.rows, root)
    above = (
        around if len(around) <= 2 else around[:-1]
    )  # the code of step undoes what its own calls do, and no deeper ones
    return any(other in above or (other, root) in linked or (root, other) in linked for other in roots)


def _with(first: Suspect, second: Suspect) -> Suspect:
    unknown = (*first.region.unknown, *second.region.unknown)
    region = dataclasses.replace(first.region, pieces=first.region.pieces | second.region.pieces, unknown=unknown)
    pieces = tuple(dict.fromkeys((*first.pieces, *second.pieces)))
    unasked = first.unasked or second.unasked
    joined = first.joined if first.region.root == second.region.root else (*first.joined, second)
    return dataclasses.replace(first, region=region, pieces=pieces, unasked=unasked, joined=joined)


def _pieces(search: Search, found: Pass, region: Region) -> tuple[Site, ...]:
    left = (region.pieces - search.innocent) | set(_forgetful(search, found, region))
    return tuple(site for site in (STEP, *found.rows) if site in (left or region.pieces))


def _forgetful(search: Search, found: Pass, region: Region) -> Iterator[Site]:
    """Yield the calls around a region in which the port keeps a module that the reference calls here, and the port nowhere."""
    lost = {module_of(s) for s, outer in search.calls.items() if outer in region.pieces and s not in found.rows}
    owners = {parent_of(module) for module in lost - {module_of(site) for site in found.rows}}
    for site in chain(found.rows, region.root)[1:] if region.root != STEP else ():
        if module_of(site) in owners:
            yield site
