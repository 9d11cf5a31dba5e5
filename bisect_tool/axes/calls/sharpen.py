"""Cut wrong regions where the reference's values are handed over all the same, so that each is as small as values allow."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bisect_tool.axes.calls.dissolve import Search, gives_right, handed_right, is_the_same, kinds
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.regions import Pass, chain
from bisect_tool.sites import Site

TIMES = 3  # that boundaries are put back, of which some turn out to be handed another thing


def sharpened(search: Search, found: Pass) -> Pass:
    """Return a pass in which wrong regions are as small as can be.

    In place is what is right by itself, and what is handed the right thing and gives another that those who read it feel. Cut is
    also at what is handed and gives the right thing as it is. Who hands on another thing only, and makes nothing wrong of it in
    the end, is right: each is wrong with all in it dissolved, too.
    """
    tight = _with_wrong_ones(search, _with_right_ones(search, found))
    cuts = {site for site in _inside(search, tight) if is_the_same(search, tight, site)}
    tight = search.passes.cut_anew(tight, tight.dissolved - cuts)
    wrong = [region.root for region in tight.wrong() if region.failed is None]
    whole = _tried(search, found, wrong)
    if whole is None or any(whole.regions[root].failed is not None for root in wrong):
        return found
    right = {root for root in wrong if whole.regions[root].right}
    if not right:
        return search.noted(tight)
    inside = {piece for root in right for piece in whole.regions[root].pieces - {root}}
    again = _run(search, tight.dissolved | inside)
    return found if again is None or any(not again.regions[root].right for root in right) else again


def _inside(search: Search, found: Pass) -> Iterator[Site]:
    """Yield what is dissolved in wrong regions, and known as it begins and as it ends."""
    for region in found.wrong():
        for site in region.pieces - search.fixed - {region.root}:
            if not (found.rows[site].unknown_inputs or found.rows[site].unknown_output):
                yield site


def _with_right_ones(search: Search, found: Pass) -> Pass:
    """Return a pass with all in place that is right by itself; where the port raises then, no kind that is handed another shape."""
    right = {site for site in _inside(search, found) if site in search.right}
    for _ in range(TIMES):
        trial = _tried(search, found, right) if right else None
        if trial is None or not _fails(found, trial):
            return trial or found
        misshapen = {s for s in right if s in trial.rows and any(c.mismatch for c in trial.rows[s].inputs)}
        if not misshapen:
            break
        alike = {s for kin in kinds(search, found, found.rows) if kin & misshapen for s in kin}
        right = {s for s in right if alike.isdisjoint(chain(found.rows, s))}
    return found


def _with_wrong_ones(search: Search, found: Pass) -> Pass:
    """Return a pass with those kinds in place that are handed the right thing, give another, and are felt for it.

    All layers of the framework first: nothing has moved into them.
    """
    asked = {piece for region in search.unexplained(found) for piece in region.pieces}
    inside = asked.intersection(_inside(search, found))
    wrong = {s for s in inside if handed_right(search, found, s) and not gives_right(search, found, s)}
    around = {row.around for row in found.rows.values()}
    layers = frozenset(site for site in wrong - around if search.trace.is_library(site))
    for kind in (layers, *kinds(search, found, wrong - layers)):
        trial = _tried(search, found, kind) if kind else None
        if trial is not None and not _fails(found, trial) and _is_less(found, trial, kind):
            found = trial
    return found


def _is_less(found: Pass, trial: Pass, kind: frozenset[Site]) -> bool:
    """Tell whether less is off around calls that were put in place, and nothing that was not."""
    before = {(site, True) for region in found.wrong() for site in region.handed_off}
    before |= {(region.root, False) for region in found.wrong() if region.output_off}
    after = {(site, True) for region in trial.wrong() for site in region.handed_off}
    after |= {(region.root, False) for region in trial.wrong() if region.output_off and region.root not in kind}
    return after < before


def _tried(search: Search, found: Pass, back: Collection[Site]) -> Pass | None:
    """Return the pass with some calls in place again, None where the port does not run then, or no more may be run."""
    return _run(search, found.dissolved.difference(back))


def _run(search: Search, dissolved: Collection[Site]) -> Pass | None:
    try:
        return search.run(dissolved)
    except (PassError, SpentError):
        return None


def _fails(found: Pass, trial: Pass) -> bool:
    """Tell whether a region raises that did not before."""
    failed = {region.root for region in found.wrong() if region.failed is not None}
    return any(region.failed is not None and region.root not in failed for region in trial.wrong())
