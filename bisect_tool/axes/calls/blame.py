"""Make culprits of what was suspected: who is named, what is wrong in words, and what keeps it from being proved."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.axes.calls.regions import around
from bisect_tool.axes.calls.values import Blamed
from bisect_tool.culprit import WrongCaller, WrongCalls, WrongCode, WrongLoss, WrongRegion, WrongWrites
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.questions.judging import deviation, largest, worst
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import buffers as sentences
from bisect_tool.sentences import calls, labels
from bisect_tool.sentences.spelling import listed
from bisect_tool.sites import STEP, Site, buffer_of, module_of, parent_of


def blamed(case: Case, suspects: Sequence[Suspect]) -> list[Blamed]:
    """Return the culprits, each with who shows it: those of one kind that are wrong in the same way are one culprit."""
    return [
        (culprit, max(group, key=_error) if isinstance(culprit, WrongCalls) else group[0])
        for group in _alike(case.trace, suspects)
        for culprit in _culprits(case, group)
    ]


def _alike(trace: Trace, suspects: Sequence[Suspect]) -> list[list[Suspect]]:
    """Return the suspects in groups: of like pieces, shown at like calls, and proved or not.

    Calls by themselves are blamed for their settings, which must be the same then.
    """
    sites = {site for one in suspects for site in (one.region.root, *one.pieces, *one.region.handed_off)} - {STEP}
    alike = {
        values: {site: number for number, kin in enumerate(trace.kinds(sites, values=values)) for site in kin}
        for values in (True, False)
    }
    groups: dict[object, list[Suspect]] = {}
    for one in suspects:
        kind = alike[len(one.pieces) == 1]
        shown = one.proved, one.region.verdict, one.region.output_off
        at = ((one.region.root,), one.pieces, one.region.handed_off)
        groups.setdefault((shown, *(tuple(kind.get(site) for site in part) for part in at)), []).append(one)
    return list(groups.values())


def _error(suspect: Suspect) -> float:
    return largest(suspect.seen.rows[suspect.region.root].output)


def _is_a_call(suspect: Suspect) -> bool:
    """Tell whether a suspect is one call that gives the wrong thing and hands nothing wrong on."""
    region = suspect.region
    return suspect.pieces == (region.root,) != (STEP,) and not region.handed_off


def _culprits(case: Case, group: Sequence[Suspect]) -> Iterator[WrongCode]:
    suspect, region = group[0], group[0].region
    if region.root == STEP and region.failed is not None:
        return  # the crash is asked about by itself
    if _is_a_call(suspect):
        yield _wrong_calls(case.trace, group)
    elif suspect.pieces == (STEP,) and region.root == STEP:
        if region.handed_off:
            yield _wrong_caller(group)
        if region.output_off and (len(region.pieces) > 1 or not region.handed_off or _in_place(suspect)):
            yield from _wrong_losses(case, suspect)
        yield from _wrong_writes(suspect)
    elif suspect.pieces == (region.root,):
        yield _wrong_caller(group)
    else:
        yield _wrong_region(case.trace, group)


def _in_place(suspect: Suspect) -> bool:
    """Tell whether all that ``step`` reads of its calls is the reference's, so that what it makes of them is its own doing."""
    return not any(suspect.seen.rows[site].unknown_output for site in suspect.region.frontier)


def _wrong_calls(trace: Trace, group: Sequence[Suspect]) -> WrongCalls:
    sites = _roots(group)
    said = Finding("output", sites[:1], _output_sentence(trace, group))
    unread = _unread(group)
    unread_said = [Finding("not read", unread, calls.not_read(unread))] if unread else []
    findings = [said, *unread_said, *_settings(trace, sites)]
    return WrongCalls(
        sites=sites,
        leaves=_leaves(group),
        unread=unread,
        necessary=_shown_by_itself(group[0], sites[0]),
        findings=tuple(findings),
        doubts=_doubts(group[0]),
    )


def _shown_by_itself(suspect: Suspect, site: Site) -> Proof:
    """Return the probe that shows a call's own output; where it raises instead, that says nothing."""
    if suspect.region.failed is not None:
        return Proof(calls.raises_by_itself(site), Verdict.UNRESOLVED)
    return Proof(calls.shown_by_itself(site, worst(suspect.seen.rows[site].output)), Verdict.DIVERGES)


def _leaves(group: Sequence[Suspect]) -> tuple[Site, ...]:
    """Return the buffers that some calls leave off, where all values that they give are right."""
    off = [name for suspect in group for name in suspect.passes.off_at(suspect.seen, suspect.region.root)]
    return () if None in off else tuple(dict.fromkeys(name for name in off if name is not None))


def _output_sentence(trace: Trace, group: Sequence[Suspect]) -> str:
    suspect = max(group, key=_error)
    site, floor = suspect.region.root, suspect.passes.floors.output(suspect.region)
    if suspect.region.failed is not None:
        return calls.raises(site, suspect.region.failed)
    own = deviation(suspect.seen.rows[site].output)
    exact = suspect.passes.exact(suspect.region)
    exactly = None if own.mismatch or exact is None or exact.output is None else largest(exact.output)
    off = calls.off_by(*own.words)
    if site in trace.containers:
        return calls.own_code_is_off(site, _unseen(suspect, trace), off, exactly, floor)
    return calls.call_is_off(site, off, exactly, floor)


def _unseen(suspect: Suspect, trace: Trace) -> list[str]:
    """Return the reference's calls inside a call that the port does not make, so that they are its own code there."""
    return [
        call for call, outer in trace.parents.items() if outer == suspect.region.root and call not in suspect.seen.rows
    ]


def _wrong_caller(group: Sequence[Suspect]) -> WrongCaller:
    region, rows = group[0].region, group[0].seen.rows
    first = region.handed_off[0]
    handed, buffer = worst(rows[first].inputs), deviation(rows[first].inputs).buffer
    if region.root == STEP:
        findings = [Finding("inputs", (first,), calls.step_hands_on(first, buffer))]
    else:
        findings = [Finding("own code", (region.root,), calls.hands_on(region.root, first, handed))]
    return WrongCaller(
        sites=_roots(group),
        feeds=tuple(site for suspect in group for site in suspect.region.handed_off),
        gives=_roots(group) if region.output_off and region.root != STEP else (),
        begins_with=buffer,
        necessary=Proof(calls.shown_by_its_inputs(first, handed), Verdict.DIVERGES),
        findings=tuple(findings),
        doubts=_doubts(group[0]),
    )


def _wrong_losses(case: Case, suspect: Suspect) -> Iterator[WrongLoss]:
    targets, reach = suspect.seen.reading.targets, suspect.passes.floors.targets(suspect.region)
    off = [name for name in case.asked if name in reach and not reach[name].holds(targets.get(name, math.nan))]
    if off:
        last = (case.trace.sites or case.trace.misshapen or tuple(suspect.seen.rows))[-1]
        # It is judged by what the loss alone rounds, which is less than what the question allows.
        proof = Proof(labels.ALL_READ_BY_STEP, Verdict.DIVERGES, off[0], targets.get(off[0]))
        found = tuple(Finding("loss", (STEP,), calls.loss_is_wrong(name, last)) for name in off)
        yield WrongLoss(sites=(STEP,), necessary=proof, findings=found, doubts=_doubts(suspect))


def _wrong_writes(suspect: Suspect) -> Iterator[WrongWrites]:
    """Blame ``step`` for what it leaves in buffers, though every call left in them what the reference's does."""
    floor = suspect.passes.floors.output(suspect.region)
    off = [row for row in suspect.seen.reading.left if row.exceeds(floor)]
    names = tuple(name for row in off if (name := buffer_of(row.path)) is not None)
    if names:
        value = worst(off)
        found = Finding("buffers", names, sentences.left_otherwise(listed(names), value))
        proof = Proof(calls.shown_after_the_step(value), Verdict.DIVERGES)
        yield WrongWrites(sites=(STEP,), leaves=names, necessary=proof, findings=(found,), doubts=_doubts(suspect))


def _wrong_region(trace: Trace, group: Sequence[Suspect]) -> WrongRegion:
    suspect, region, rows = group[0], group[0].region, group[0].seen.rows
    several = len(suspect.pieces) > 1
    past = [one for one in suspect.pieces if one in suspect.leaks or (one in rows and rows[one].unknown_output)]
    words = (
        calls.one_of(suspect.pieces, suspect.roots, past) if several else calls.left_of(region.root, suspect.pieces[0])
    )
    kinds = trace.kinds(piece for piece in suspect.pieces if piece != STEP)
    one_sided = frozenset(s for s in region.pieces if s not in (STEP, region.root) and rows[s].unknown_inputs)
    if region.output_off and region.root != STEP:
        proof = _shown_by_itself(suspect, region.root)
    elif region.handed_off:
        shown = calls.shown_by_its_inputs(region.handed_off[0], worst(rows[region.handed_off[0]].inputs))
        proof = Proof(shown, Verdict.DIVERGES)
    else:
        proof = Proof(labels.ALL_READ_BY_STEP, Verdict.DIVERGES)
    return WrongRegion(
        sites=tuple(site for one in group for site in (one.pieces if kinds == [suspect.pieces] else one.roots)),
        pieces=suspect.pieces,
        root=region.root,
        loose=frozenset(region.pieces),
        one_sided=one_sided,
        feeds=_feeds(suspect),
        shown_at=tuple(site for one in group for site in one.shown_at),
        necessary=proof,
        findings=(
            Finding("code", suspect.pieces, words),
            *(row for kind in kinds for row in _settings(trace, kind)),
            *(row for kind in kinds for row in _handed_on_one_side(suspect, one_sided, kind)),
            *_first_wrong(suspect),
        ),
        doubts=_doubts(suspect),
    )


def _feeds(suspect: Suspect) -> tuple[tuple[Site, Site], ...]:
    """Return the pieces of a region that hand something wrong to calls in place, each with the first of these."""
    found: dict[Site, Site] = {}
    rows = suspect.seen.rows
    for site in _as_far_as_told(suspect, suspect.region.handed_off):
        if deviation(rows[site].inputs).buffer is None:
            found.setdefault(around(rows, site), site)
    return tuple(found.items())


def _as_far_as_told(suspect: Suspect, handed: Collection[Site]) -> Iterator[Site]:
    """Yield the calls that a region hands something else, in execution order, as long as values tell that it is wrong.

    One that merged code hands another shape is called otherwise, which may be meant so: what follows is made of what it gives.
    """
    rows = suspect.seen.rows
    for site in (site for site in rows if site in handed):
        if len(suspect.pieces) > 1 and any(c.mismatch for c in rows[site].inputs):
            return
        yield site


def _roots(group: Sequence[Suspect]) -> tuple[Site, ...]:
    return tuple(suspect.region.root for suspect in group)


def _unread(group: Sequence[Suspect]) -> tuple[Site, ...]:
    """Return the parameters of some calls that their own code does not read."""
    modules = set(map(module_of, _roots(group)))
    return tuple(name for suspect in group[:1] for name in suspect.seen.reading.unread if parent_of(name) in modules)


def _settings(trace: Trace, sites: Sequence[Site]) -> Iterator[Finding]:
    """Say in which settings some calls of one kind differ."""
    for key, (ours, theirs) in trace.differences.get(module_of(sites[0]), {}).items():
        yield Finding("setting", tuple(sites), calls.other_setting(key, theirs, ours, sites[0], len(sites) - 1))


def _handed_on_one_side(suspect: Suspect, one_sided: Collection[Site], kind: Sequence[Site]) -> Iterator[Finding]:
    """Say what the first of some pieces inside a region is handed that has no partner: that may be the fault."""
    site = next((site for site in kind if site in one_sided), None)
    if site is not None:
        yield Finding("arguments", (site,), calls.without_partner(site, suspect.seen.rows[site].unknown_inputs))


def _first_wrong(suspect: Suspect) -> Iterator[Finding]:
    """Say which call is the first in a region that is handed something wrong, in execution order.

    One in place, if there is any: what those inside are handed may be meant so.
    """
    region, floor, rows = suspect.region, suspect.passes.floors.inputs(suspect.region), suspect.seen.rows
    meant = {region.root, *(suspect.pieces if suspect.otherwise else ())}
    off = (site for site in rows if site in region.pieces - meant and any(c.exceeds(floor) for c in rows[site].inputs))
    first = next(_as_far_as_told(suspect, region.handed_off or tuple(off)), None)
    if first is not None:
        yield Finding("first", (first,), calls.first_wrong(first, worst(rows[first].inputs)))


def _doubts(suspect: Suspect) -> tuple[str, ...]:
    region, unasked = suspect.region, (calls.not_excused(suspect.region.root),) if suspect.unasked else ()
    raised = () if region.failed is None else (calls.raises(region.root, region.failed),)
    return tuple(dict.fromkeys((*raised, *region.unknown, *unasked)))
