"""Make wrong regions smaller: put boundaries back in them, and see which part is right then."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.axes.calls.dissolve import Search, kinds
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.regions import Pass, Region, chain
from bisect_tool.sites import Site


def split(search: Search, found: Pass) -> Pass:
    """Put boundaries back in all wrong regions at the same time, each choice once.

    Whoever is right then is innocent; a boundary stays in place where the code around it is right with it. Where no more passes may
    be run, regions stay as large as they are: that names nobody wrongly.
    """
    tried: set[frozenset[Site]] = set()
    while True:
        back: set[Site] = set()
        for region in search.unexplained(found):
            choice = next((c for c in _choices(search, found, region) if c not in tried), None)
            if choice is not None:
                tried.add(choice)
                back |= choice
        if not back:
            return found
        try:
            found = _put_back(search, found, frozenset(back))
        except SpentError:
            return found
        except PassError:  # with these in place the port does not run: that says nothing
            continue


def _put_back(search: Search, found: Pass, back: frozenset[Site]) -> Pass:
    trial = search.run(found.dissolved - back)
    keep = {s for s in back if s in trial.rows and trial.region_around(s).right}
    if not back <= trial.rows.keys() or not keep:
        return found
    return trial if keep == back else search.run(found.dissolved - keep)


def _choices(search: Search, found: Pass, region: Region) -> Iterator[frozenset[Site]]:
    """Yield sets of boundaries to put back in a wrong region: its innermost suspects, those of one kind, all but one kind.

    Calls of one kind are put back together: where the interface of some is another one, so may that of all be.
    """
    rows = found.rows
    left = region.pieces - search.innocent
    if len(left) < 2:
        return
    inside = {
        s
        for s in region.pieces - search.fixed - {region.root}
        if not rows[s].unknown_inputs and not rows[s].unknown_output
    }
    above = {site: set(chain(rows, site)[1:]) for site in left if site in rows}
    innermost = {s for s in left & inside if not any(s in outer for outer in above.values())}
    groups = kinds(search, found, inside)
    first = frozenset(s for kind in groups if kind & left <= innermost for s in kind & innermost)
    if first:
        yield first

    def balance(kind: frozenset[Site]) -> float:
        return abs(sum(bool(outer & kind) for outer in above.values()) - len(left) / 2)

    ordered = sorted(groups, key=balance)
    suspects = [kind & left for kind in ordered if kind & left]
    yield from (kind for kind in ordered if kind & left)
    if len(suspects) > 2:  # what one kind hides, all the others may not
        yield from (frozenset().union(*(kind for kind in suspects if kind is not one)) for one in suspects)
    yield from (kind for kind in ordered if not kind & left)
