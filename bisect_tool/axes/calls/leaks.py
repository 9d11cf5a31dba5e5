"""Who hands on more than its output: by a list, a global variable, an iterator, a number, an attribute of the port's alone.

Such a value is neither given nor compared, so that whoever reads it may be wrong for another's fault. A call in place gives the
reference's output whatever it computes. So nothing outside it may move when it computes from noise; if something does, there is
another way out of it, whatever that is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

from bisect_tool.axes.calls.passes import CLEARLY, FOR_LEAKS, Passes, SpentError
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.axes.calls.regions import Pass, Region, chain, owner
from bisect_tool.probes.reading import Comparison, Watched
from bisect_tool.sites import STEP, Site


def with_leaks(suspects: Sequence[Suspect], *, trains: bool) -> tuple[Suspect, ...]:
    """Return the suspects, each together with the calls whose code it may be wrong for, since it goes on with more than they give.

    All who are proved are looked at in one pass, then each beside the others; how many passes that takes has a bound. The
    code of a step that ``trains`` moves with all layers: it reads their gradients.
    """
    found: dict[int, tuple[Site, ...]] = {}
    groups: dict[object, list[Suspect]] = {}
    for suspect in suspects:
        if suspect.proved and not (trains and suspect.region.root == STEP):
            groups.setdefault((id(suspect.passes), suspect.seen.dissolved), []).append(suspect)
    for passes in {id(one.passes): one.passes for one in suspects}.values():
        passes.most = passes.made + FOR_LEAKS
    for group in groups.values():
        with contextlib.suppress(SpentError):
            found.update(_leaks(group))
    both = [(suspect, found.get(id(suspect), ())) for suspect in suspects]
    named = {piece for suspect, leaks in both if suspect.proved and not leaks for piece in suspect.pieces}
    # Whoever goes on with what comes of code that is named may be wrong for that alone.
    return tuple(_beside(suspect, leaks) for suspect, leaks in both if named.isdisjoint(leaks))


def _beside(suspect: Suspect, leaks: tuple[Site, ...]) -> Suspect:
    region = dataclasses.replace(suspect.region, pieces=suspect.region.pieces | frozenset(leaks))
    return dataclasses.replace(suspect, region=region, pieces=(*suspect.pieces, *leaks), leaks=leaks)


def _leaks(group: Sequence[Suspect]) -> Iterator[tuple[int, tuple[Site, ...]]]:
    """Yield who moves for which calls. Raises SpentError."""
    calls, passes = _in_place(group), group[0].passes
    moved = [one for one in group if _moves(one, passes.shaken(one.seen, calls))] if calls else []
    for one in group:
        others = [site for site in _in_place([one]) if site not in calls]
        among = [*(calls if one in moved else ()), *others]
        if one in moved or (others and _moves(one, passes.shaken(one.seen, others))):
            try:
                yield id(one), _leaking(one, among)
            except SpentError:  # it was seen to move, and not for whom
                yield id(one), tuple(among)
                raise


def _in_place(group: Sequence[Suspect]) -> list[Site]:
    """Return the outermost calls in place that are neither one of the suspects nor around one: all else that computes.

    A layer of the framework's own has no other way out than the tensor it is handed, where it writes what it gives.
    """
    rows, dissolved, trace = group[0].seen.rows, group[0].seen.dissolved, group[0].passes.floors.trace
    roots = [root for one in group for root in (one.region.root, *(other.region.root for other in one.joined))]
    around = {site for root in roots for site in chain(rows, root)}
    makers = {owner(rows, dissolved, site) for site in around}
    return [
        site
        for site in rows
        if site not in dissolved | around
        and owner(rows, dissolved, chain(rows, site)[1]) in makers
        and not (trace.is_library(site) and site not in trace.containers)
    ]


def _leaking(suspect: Suspect, calls: Sequence[Site]) -> tuple[Site, ...]:
    """Return those of some calls for which a suspect moves, one of which at least it does."""
    if len(calls) == 1:
        return tuple(calls)
    first, second = calls[: len(calls) // 2], calls[len(calls) // 2 :]
    passes, seen = suspect.passes, suspect.seen
    if not _moves(suspect, passes.shaken(seen, first)):
        return _leaking(suspect, second)
    more = _leaking(suspect, second) if _moves(suspect, passes.shaken(seen, second)) else ()
    return (*_leaking(suspect, first), *more)


def _moves(suspect: Suspect, shaken: Pass) -> bool:
    """Tell whether a suspect computes something else in a pass in which some calls compute from noise."""
    passes, region, still = suspect.passes, suspect.region, suspect.seen
    least = CLEARLY * max(passes.floors.inputs(region), passes.floors.output(region))
    pairs = [(still.rows.get(site, Watched()), shaken.rows.get(site, Watched())) for site in region.frontier]
    # How a mask or a complex number is read may be learnt from a call that comes out right, which none does that computes from noise.
    read_alike = [(b.inputs, a.inputs) for b, a in pairs if (b.masks, b.unknown_inputs) == (a.masks, a.unknown_inputs)]
    for before, after in (tuple(_own(seen, region) for seen in (still, shaken)), *read_alike):
        errors = _errors(after)
        if any(abs(error - errors.get(path, error)) > least for path, error in _errors(before).items()):
            return True
    return region.root == STEP and _targets_move(passes, still, shaken)


def _own(seen: Pass, region: Region) -> Sequence[Comparison]:
    """Return how far off is what a region gives, or leaves in buffers."""
    return seen.reading.left if region.root == STEP else seen.rows.get(region.root, Watched()).output


def _errors(comparisons: Iterable[Comparison]) -> dict[str, float]:
    return {row.path: row.error for row in comparisons if row.error is not None and math.isfinite(row.error)}


def _targets_move(passes: Passes, still: Pass, shaken: Pass) -> bool:
    """Tell whether a target is another that both passes come to: by what rounding explains, or finite in one alone."""
    before, after = still.reading.targets, shaken.reading.targets
    for name, interval in passes.floors.wide.items():
        if name in before and name in after:
            offs = interval.off(before[name]), interval.off(after[name])
            if offs[0] != offs[1] and not abs(offs[0] - offs[1]) <= CLEARLY:
                return True
    return False
