"""Make culprits of what was suspected: who is named, what is wrong in words, and what keeps it from being proved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.axes.calls.values import Blamed
from bisect_tool.culprit import WrongCaller, WrongCalls, WrongCode, WrongLoss, WrongRegion
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.questions.judging import deviation, largest, worst
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels
from bisect_tool.sites import STEP, Site, module_of


def blamed(case: Case, suspects: Sequence[Suspect]) -> list[Blamed]:
    """Return the culprits, each with who shows it: calls of one kind that are wrong by themselves are one culprit."""
    found: list[Blamed] = []
    alike: list[list[Suspect]] = []
    for suspect in suspects:
        if not _is_a_call(suspect):
            found += ((culprit, suspect) for culprit in _one(case, suspect))
            continue
        kin = {suspect.region.root, *case.trace.kin(suspect.region.root)}
        group = next((g for g in alike if g[0].region.root in kin and g[0].proved == suspect.proved), None)
        if group is None:
            alike.append([suspect])
        else:
            group.append(suspect)
    return [*((_wrong_calls(case.trace, group), max(group, key=_error)) for group in alike), *found]


def _error(suspect: Suspect) -> float:
    return largest(suspect.seen.rows[suspect.region.root].output)


def _is_a_call(suspect: Suspect) -> bool:
    """Tell whether a suspect is one call that gives the wrong thing and hands nothing wrong on."""
    region = suspect.region
    return suspect.pieces == (region.root,) != (STEP,) and not region.handed_off


def _one(case: Case, suspect: Suspect) -> Iterator[WrongCode]:
    region = suspect.region
    if region.root == STEP and region.failed is not None:
        return  # the crash is asked about by itself
    if suspect.pieces == (STEP,) and region.root == STEP:
        if region.handed_off:
            yield _wrong_caller(suspect)
        if region.output_off and (len(region.pieces) > 1 or not region.handed_off or _in_place(suspect)):
            yield from _wrong_losses(case, suspect)
    elif suspect.pieces == (region.root,):
        yield _wrong_caller(suspect)
    else:
        yield _wrong_region(suspect)


def _in_place(suspect: Suspect) -> bool:
    """Tell whether all that ``step`` reads of its calls is the reference's, so that what it makes of them is its own doing."""
    return not any(suspect.seen.rows[site].unknown_output for site in suspect.region.frontier)


def _wrong_calls(trace: Trace, group: Sequence[Suspect]) -> WrongCalls:
    sites = tuple(suspect.region.root for suspect in group)
    findings = [Finding("output", sites[:1], _output_sentence(trace, group))]
    findings += [
        Finding("setting", sites, calls.other_setting(key, theirs, ours, sites[0], len(sites) - 1))
        for key, (ours, theirs) in trace.differences.get(module_of(sites[0]), {}).items()
    ]
    own = deviation(group[0].seen.rows[sites[0]].output)
    words = calls.shown_by_itself(sites[0], calls.value_off(own.error, own.mismatch))
    return WrongCalls(
        sites=sites,
        necessary=Proof(words, Verdict.DIVERGES),
        findings=tuple(findings),
        doubts=_doubts(group[0]),
    )


def _output_sentence(trace: Trace, group: Sequence[Suspect]) -> str:
    suspect = max(group, key=_error)
    site, floor = suspect.region.root, suspect.passes.floors.output(suspect.region)
    if suspect.region.failed is not None:
        return calls.raises(site, suspect.region.failed)
    own = deviation(suspect.seen.rows[site].output)
    exact = suspect.passes.exact(suspect.region)
    exactly = None if own.mismatch or exact is None or exact.output is None else largest(exact.output)
    off = calls.off_by(own.error, own.mismatch)
    if site in trace.containers:
        return calls.own_code_is_off(site, _unseen(suspect, trace), off, exactly, floor)
    return calls.call_is_off(site, off, exactly, floor)


def _unseen(suspect: Suspect, trace: Trace) -> list[str]:
    """Return the reference's calls inside a call that the port does not make, so that they are its own code there."""
    return [
        call for call, outer in trace.parents.items() if outer == suspect.region.root and call not in suspect.seen.rows
    ]


def _wrong_caller(suspect: Suspect) -> WrongCaller:
    region = suspect.region
    feeds = region.handed_off
    handed = worst(suspect.seen.rows[feeds[0]].inputs)
    if region.root == STEP:
        findings = [Finding("inputs", (feeds[0],), calls.step_hands_on(feeds[0]))]
    else:
        findings = [Finding("own code", (region.root,), calls.hands_on(region.root, feeds[0], handed))]
    proof = Proof(calls.shown_by_its_inputs(feeds[0], handed), Verdict.DIVERGES)
    gives = (region.root,) if region.output_off and region.root != STEP else ()
    return WrongCaller(
        sites=(region.root,),
        feeds=feeds,
        gives=gives,
        necessary=proof,
        findings=tuple(findings),
        doubts=_doubts(suspect),
    )


def _wrong_losses(case: Case, suspect: Suspect) -> Iterator[WrongLoss]:
    targets, reach = suspect.seen.reading.targets, suspect.passes.floors.targets(suspect.region)
    off = [name for name in case.asked if name in reach and not reach[name].holds(targets.get(name, math.nan))]
    if off:
        # It is judged by what the loss alone rounds, which is less than what the question allows.
        proof = Proof(labels.ALL_READ_BY_STEP, Verdict.DIVERGES, off[0], targets.get(off[0]))
        found = tuple(Finding("loss", (STEP,), calls.loss_is_wrong(name, case.trace.sites[-1])) for name in off)
        yield WrongLoss(sites=(STEP,), necessary=proof, findings=found, doubts=_doubts(suspect))


def _wrong_region(suspect: Suspect) -> WrongRegion:
    region, rows = suspect.region, suspect.seen.rows
    sites: tuple[Site, ...]
    if len(suspect.pieces) > 1:
        sites, words = (region.root,), calls.one_of(region.root, suspect.pieces)
    else:
        sites, words = suspect.pieces, calls.left_of(region.root, suspect.pieces[0])
    findings = [Finding("code", suspect.pieces, words), *_first_wrong(suspect)]
    if region.output_off and region.root != STEP:
        shown = calls.shown_by_itself(region.root, worst(rows[region.root].output))
    elif region.handed_off:
        shown = calls.shown_by_its_inputs(region.handed_off[0], worst(rows[region.handed_off[0]].inputs))
    else:
        shown = labels.ALL_READ_BY_STEP
    return WrongRegion(
        sites=sites,
        pieces=suspect.pieces,
        shown_at=suspect.shown_at,
        necessary=Proof(shown, Verdict.DIVERGES),
        findings=tuple(findings),
        doubts=_doubts(suspect),
    )


def _first_wrong(suspect: Suspect) -> Iterator[Finding]:
    """Say which dissolved call is the first that is handed something wrong, in execution order."""
    floor = suspect.passes.floors.inputs(suspect.region)
    for site in suspect.seen.rows:
        row = suspect.seen.rows[site]
        if site in suspect.region.pieces and site != suspect.region.root and any(c.exceeds(floor) for c in row.inputs):
            yield Finding("first", (site,), calls.first_wrong(site, worst(row.inputs)))
            return


def _doubts(suspect: Suspect) -> tuple[str, ...]:
    region, unasked = suspect.region, (calls.not_excused(suspect.region.root),) if suspect.unasked else ()
    raised = () if region.failed is None else (calls.raises(region.root, region.failed),)
    return tuple(dict.fromkeys((*raised, *region.unknown, *unasked)))
