"""The search at one point: who is wrong with these weights, what is another way of writing, and who is innocent."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.axes.calls.dissolve import Search, close, gives_right, handed_right, spare
from bisect_tool.axes.calls.excuse import excuse
from bisect_tool.axes.calls.passes import FOR_EXCUSES, MOST_PASSES, PassError, Passes
from bisect_tool.axes.calls.regions import Pass, Region, chain
from bisect_tool.axes.calls.split import split
from bisect_tool.sites import STEP, Site, module_of, parent_of


@dataclass(frozen=True)
class Suspect:
    """A wrong region, and the pieces of it that may hold the fault: the others are innocent. ``seen`` is the pass that shows it.

    ``unasked``: whether it is but another way of writing was not asked, since no more passes could be run. ``inner`` are wrong
    regions inside it that are one suspect with it.
    """

    region: Region
    pieces: tuple[Site, ...]
    seen: Pass
    passes: Passes
    unasked: bool = False
    inner: tuple[Suspect, ...] = ()

    @property
    def shown_at(self) -> tuple[Site, ...]:
        """Return the calls at which it shows: itself where its output is off, and what it hands something else."""
        own = (self.region.root,) if self.region.output_off and self.region.root != STEP else ()
        return (*own, *self.region.handed_off, *(site for one in self.inner for site in one.shown_at))

    @property
    def proved(self) -> bool:
        """Tell whether values prove it: something is off, and all that goes into the region and comes out of it is known."""
        return self.region.verdict == "wrong" and not self.region.unknown and not self.unasked


@dataclass(frozen=True)
class Found:
    """What a search found at one point.

    Attributes: ``last`` (the pass that shows it), ``shown`` (the same with all in place that is right by itself), ``suspects``,
    ``elsewhere`` (calls that mean another thing in the port and do no harm), ``innocent`` pieces, and the ``passes`` it was asked
    by.
    """

    last: Pass
    shown: Pass
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
    found = spare(search, close(search, fixed))
    # A region that was right with others dissolved in it, and is not with them in place, is cleared by nothing yet.
    search.innocent -= {piece for region in found.wrong() if len(region.pieces) == 1 for piece in region.pieces}
    depth = max((len(chain(found.rows, site)) for site in found.rows), default=1)
    passes.most = MOST_PASSES - FOR_EXCUSES
    found = split(search, found)
    passes.most = MOST_PASSES
    excused = excuse(search, found, depth)
    wrong = [region for region in search.unexplained(found) if region.root not in excused.roots]
    shown = _shown(search, found)
    suspects = _joined(search, _suspects(search, (found, shown), wrong, excused.unasked))
    loose = found.dissolved | excused.beside | excused.roots
    misled = {piece for region in wrong for piece in region.pieces} & search.right  # right, and handed what is wrong
    elsewhere = frozenset(s for s in loose - misled if s not in found.rows or not _is_the_same(search, found, s))
    innocent = search.innocent | excused.roots - {piece for suspect in suspects for piece in suspect.pieces}
    return Found(found, shown, suspects, elsewhere, frozenset(innocent), passes)


def _suspects(
    search: Search, passes: tuple[Pass, Pass], wrong: Sequence[Region], unasked: Collection[Site]
) -> tuple[Suspect, ...]:
    """Return who is suspected, each shown with all calls in place that are right there: what is off is then made by it alone.

    ``passes`` are the last one and that; ``unasked``: of whom it was not asked whether they are another way of writing.
    """
    found, shown = passes

    def suspect(region: Region) -> Suspect:
        pieces = _pieces(search, found, region)
        alone = shown.regions.get(region.root)
        if alone is not None and alone.verdict == "wrong" and set(pieces) <= alone.pieces <= region.pieces:
            return Suspect(alone, pieces, shown, search.passes, region.root in unasked)
        return Suspect(region, pieces, found, search.passes, region.root in unasked)

    return tuple(map(suspect, wrong))


def _joined(search: Search, suspects: Sequence[Suspect]) -> tuple[Suspect, ...]:
    """Return the suspects, one for code that is wrong around other code that is.

    If each level does in the port what the one in it does in the reference, those between are right, and a fault in one of the
    outer two makes the inner one wrong too. A layer of the framework's own does nothing that could have moved.
    """
    found: list[Suspect] = []
    for suspect in suspects:
        above = chain(suspect.seen.rows, suspect.region.root)[1:-1] if suspect.region.root != STEP else []
        place = next((i for i, other in enumerate(found) if other.region.root in above), None)
        if place is None or search.trace.is_library(suspect.region.root) or suspect.region.failed is not None:
            found.append(suspect)
        else:
            found[place] = _with(found[place], suspect)
    return tuple(found)


def _with(outer: Suspect, inner: Suspect) -> Suspect:
    unknown = (*outer.region.unknown, *inner.region.unknown)
    region = dataclasses.replace(outer.region, pieces=outer.region.pieces | inner.region.pieces, unknown=unknown)
    pieces = tuple(dict.fromkeys((*outer.pieces, *inner.pieces)))
    unasked = outer.unasked or inner.unasked
    return dataclasses.replace(outer, region=region, pieces=pieces, unasked=unasked, inner=(*outer.inner, inner))


def _shown(search: Search, found: Pass) -> Pass:
    """Return the pass in which all that is right by itself is in place again in wrong regions."""
    right = {piece for region in found.wrong() for piece in region.pieces & search.right - {region.root}}
    search.passes.most += 2  # one pass, and one in float64
    try:
        return search.passes.run(found.dissolved - right) if right else found
    except PassError:
        return found


def _is_the_same(search: Search, found: Pass, site: Site) -> bool:
    """Tell whether a call means the same in the port: it is handed and gives what the reference's call is and does."""
    return handed_right(search, found, site) and gives_right(search, found, site)


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
