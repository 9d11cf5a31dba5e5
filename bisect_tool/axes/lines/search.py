"""The axis of lines: which line of plain code is wrong, after the last layer or around the layers.

Every layer's output is the reference's while this is asked, so that only plain code is left. Variables of watched
functions are then sites like any other: compared, and given the reference's value. A name may mean another thing on
both sides; such a variable heals nothing, and so is never blamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence

from bisect_tool.axes.axis import Answer, Axis, Case, handing_over
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.axes.lines.after_layers import lines_after_layers
from bisect_tool.axes.lines.calling import with_callers_of, with_calling_line
from bisect_tool.axes.lines.inside import probes_at, with_line
from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import look_at, recorded
from bisect_tool.axes.lines.writes import with_line_before_call, with_writing_line
from bisect_tool.culprit import Culprit, WrongCaller, WrongCalls, WrongLoss, WrongRegion, WrongWrites
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.sentences import labels
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import STEP, Site

MOST_PIECES = 4  # of code that values cannot tell apart, in which lines are looked for


def _search(case: Case) -> Answer:
    """Name the lines of culprits that are plain code: after the last layer, or around the layers."""
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return Answer()
    coded = _coded(case)
    sure = [culprit for culprit in calls.culprits if not culprit.doubts and not isinstance(culprit, WrongWrites)]
    sharper: dict[Culprit, tuple[Culprit, ...]] = {}
    with handing_over(lambda: Answer(sharper=sharper)):
        for culprit in sure:
            if isinstance(culprit, WrongCalls) and culprit.leaves:
                sharper[culprit] = (with_writing_line(case, culprit),)
            elif coded.intersection(culprit.pieces if isinstance(culprit, WrongRegion) else culprit.sites[:1]):
                sharper[culprit] = _lines_of(case, culprit, calls.judged.perfect)
    return Answer(sharper=sharper, notes=tuple(_watched(case)))


def _watched(case: Case) -> Iterator[str]:
    """Say which functions were looked at beside the recipe's own, or which alone."""
    ours, theirs = case.capture.manifest.watched, case.port.asides.watched
    if ours.elsewhere or theirs.elsewhere:
        yield sentences.watched_elsewhere(ours.elsewhere, theirs.elsewhere)
    if theirs.only:
        yield sentences.watched_only(theirs.only)


def _coded(case: Case) -> set[Site]:
    """Return the calls, and ``step``, whose own code has variables that are recorded."""
    return {variable.around for variable in recorded(case.port, case.capture)}


def _lines_of(case: Case, culprit: Culprit, perfect: Reading) -> tuple[Culprit, ...]:
    """Return what is to blame in the code of a culprit; ``perfect`` is the reading in which all layers are right."""
    trace = case.trace
    if isinstance(culprit, WrongLoss):
        return lines_after_layers(
            perfect,
            culprit,
            case.asked,
            look_at(case.port, case.capture, _with_all_layers(case), reference=case.reference),
        )
    if isinstance(culprit, WrongRegion) and len(culprit.pieces) > 1:
        return (_with_lines_of_pieces(case, culprit),)
    site = culprit.sites[0]
    seen = culprit.feeds[0] if isinstance(culprit, WrongCaller) else site
    probes = _probes_at(case, culprit, seen, [site], site)
    found = with_line(culprit, probes)
    if isinstance(culprit, WrongCaller) and found.line is None and site in trace.members:
        # What is handed on may have no name of its own; what the code makes of it has.
        sites = trace.sites
        later = sites[sites.index(seen) :] if seen in trace.members else culprit.feeds
        free = [s for s in later if site in trace.chain(s)[1:]]
        given = probes.lines.layers.patching(site for site in culprit.feeds if case.port.can_patch(site))
        found = with_line(culprit, _probes_at(case, culprit, site, [site], site, free=free), given)
    if isinstance(culprit, WrongCaller) and found.line is None and culprit.begins_with is None:
        found = with_calling_line(culprit, seen, probes)
    if isinstance(culprit, WrongCaller) and found.line is None and culprit.begins_with is not None:
        found = with_line_before_call(case, culprit, culprit.begins_with)
    return (found,)


def _with_all_layers(case: Case) -> Intervention:
    """Return the runs in which all layers give the reference's values; forced passes where one's output has another shape."""
    calls, trace, base = case.answer(CallsAnswer), case.trace, case.question.base
    judged = Judged() if calls is None or calls.judged is None else calls.judged
    outermost = trace.outermost(set(judged.compared) - judged.dissolved)
    if outermost.isdisjoint(trace.misshapen):
        return base.patching(trace.outermost(trace.sites))
    return base.forcing(judged.dissolved)


def _with_lines_of_pieces(case: Case, region: WrongRegion) -> WrongRegion:
    """Return code of several pieces with the lines that make wrong what is seen of it, while all around each is the reference's.

    What pieces hand to calls in place, where they do. Else what each gives; but one that lacks a known operation, or has one more,
    may have it elsewhere, unless one line does so for all.
    """
    feeds = dict(region.feeds)
    pieces = [*feeds] or [one for one in region.pieces if one == STEP or one in case.trace.members]
    found = [line for one in pieces[:MOST_PIECES] for line in _lines_of_piece(case, region, one, feeds.get(one))]
    placed = [culprit for culprit in found if culprit.line]
    places = {culprit.line.place for culprit in placed if culprit.line}
    if not feeds and not (len(places) == 1 and len(placed) == len(_coded(case).intersection(region.pieces))):
        placed = [culprit for culprit in placed if all(finding.check != "values" for finding in culprit.findings)]
    shown = list({culprit.line.place: culprit for culprit in reversed(placed) if culprit.line}.values())[::-1]
    findings = [finding for culprit in shown for finding in culprit.findings]
    return dataclasses.replace(region, findings=(*region.findings, *findings), line=shown[0].line if shown else None)


def _lines_of_piece(case: Case, region: WrongRegion, piece: Site, feed: Site | None) -> tuple[Culprit, ...]:
    """Return one piece of a region with its line: of what it hands the call ``feed``, or else of what it gives."""
    if piece == STEP and feed is None:
        layers = _with_all_layers(case)
        count = len(layers.patched - case.question.base.patched)
        perfect = case.question.run(layers, "lines", labels.EVERY_LAYER, patched=count, verdict=case.question.verdict)
        return _lines_of(case, WrongLoss(sites=(STEP,)), perfect)
    if feed is None:  # it is fed itself, and what it is fed may not be all that it takes
        alone = dataclasses.replace(region, sites=(piece,), findings=())
        return (with_line(alone, _probes_at(case, alone, piece, [piece], loose=region.loose)),)
    caller = WrongCaller(sites=(piece,), feeds=(feed,))
    probes = _probes_at(case, caller, feed, region.pieces, region.root, loose=region.loose)
    found = with_line(caller, probes)
    found = with_calling_line(found, feed, probes) if found.line is None else found
    return (with_callers_of(found, region.one_sided.intersection(case.trace.chain(feed)), probes),)


def _probes_at(
    case: Case,
    culprit: Culprit,
    seen: Site,
    code: Sequence[Site],
    given: Site | None = None,
    loose: Collection[Site] = (),
    free: Collection[Site] = (),
) -> LineProbes:
    """Return the probes about the lines of some ``code``, judged at a call: by what it is handed, or gives if it is the culprit.

    The arguments of the call ``given`` are known. The own code of the calls ``loose`` is the port's too, and all that lies in those
    that are ``free``.
    """
    question, trace = case.question, case.trace
    fed = code[0] if given is None else given
    outer = () if fed == STEP else trace.chain(fed)
    inside = {site for site in trace.sites if not set(trace.chain(site)).isdisjoint(free)}
    own = {*outer, *trace.chain(seen)[1:], *inside, *code, *loose}
    layers = question.base.patching(set(trace.sites) - own).feeding([] if fed == STEP else [fed])
    crashes = case.log.crash is not None
    again = case.reference
    lines = look_at(case.port, case.capture, layers, code, seen, given=given, to_a_crash=crashes, reference=again)
    return probes_at(culprit, seen, question, lines, trace)


LINES = Axis("lines", frozenset({"survey"}), "lines of code were not looked for", _search)
