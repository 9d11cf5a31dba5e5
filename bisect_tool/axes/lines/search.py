"""The axis of lines: which line of plain code is wrong, after the last layer or around the layers.

Every layer's output is the reference's while this is asked, so that only plain code is left. Variables of watched
functions are then sites like any other: compared, and given the reference's value. A name may mean another thing on
both sides; such a variable heals nothing, and so is never blamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from bisect_tool.axes.axis import Answer, Axis, Case, handing_over
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.axes.lines.after_layers import lines_after_layers
from bisect_tool.axes.lines.inside import probes_at, with_line
from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import look_at
from bisect_tool.axes.lines.writes import with_writing_line
from bisect_tool.culprit import Culprit, WrongCaller, WrongCalls, WrongLoss, WrongRegion, WrongWrites
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.sentences import labels
from bisect_tool.sites import STEP, Site

MOST_PIECES = 4  # of code that values cannot tell apart, in which lines are looked for


def _search(case: Case) -> Answer:
    """Name the lines of culprits that are plain code: after the last layer, or around the layers."""
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return Answer()
    coded = {variable.around for variable in case.capture.manifest.variables}
    sure = [culprit for culprit in calls.culprits if not culprit.doubts and not isinstance(culprit, WrongWrites)]
    sharper: dict[Culprit, tuple[Culprit, ...]] = {}
    with handing_over(lambda: Answer(sharper=sharper)):
        for culprit in sure:
            if isinstance(culprit, WrongCalls) and culprit.leaves:
                sharper[culprit] = (with_writing_line(case, culprit),)
            elif _call(culprit) in coded:
                sharper[culprit] = _lines_of(case, culprit, calls.judged.perfect)
    return Answer(sharper=sharper)


def _lines_of(case: Case, culprit: Culprit, perfect: Reading) -> tuple[Culprit, ...]:
    """Return what is to blame in the code of a culprit; ``perfect`` is the reading in which all layers are right."""
    trace = case.trace
    if isinstance(culprit, WrongLoss):
        return lines_after_layers(
            perfect, culprit, case.asked, look_at(case.port, case.capture, _with_all_layers(case))
        )
    if isinstance(culprit, WrongRegion) and len(culprit.pieces) > 1:
        return (_with_lines_of_pieces(case, culprit),)
    probes = _probes_at(case, culprit, culprit.sites[0] if not isinstance(culprit, WrongCaller) else culprit.feeds[0])
    found = with_line(culprit, probes)
    if isinstance(culprit, WrongCaller) and found.line is None and culprit.sites[0] in trace.members:
        # What is handed on may have no name of its own; what the code makes of it has.
        sites = trace.sites
        later = sites[sites.index(culprit.feeds[0]) :] if culprit.feeds[0] in trace.members else culprit.feeds
        free = [s for s in later if culprit.sites[0] in trace.chain(s)[1:]]
        given = probes.lines.layers.patching(site for site in culprit.feeds if case.port.can_patch(site))
        found = with_line(culprit, _probes_at(case, culprit, culprit.sites[0], free), given)
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
    may have it elsewhere.
    """
    found: list[Culprit] = []
    feeds = dict(region.feeds)
    pieces = [one for one in feeds or region.pieces if one == STEP or one in case.trace.members]
    for piece in pieces[:MOST_PIECES]:
        if piece == STEP and STEP not in feeds:
            layers = _with_all_layers(case)
            count = len(layers.patched - case.question.base.patched)
            perfect = case.question.run(
                layers, "lines", labels.EVERY_LAYER, patched=count, verdict=case.question.verdict
            )
            found += _lines_of(case, WrongLoss(sites=(STEP,)), perfect)
        else:
            feed = feeds.get(piece)
            alone: Culprit = dataclasses.replace(region, sites=(piece,), findings=())
            if feed is not None:
                alone = WrongCaller(sites=(piece,), feeds=(feed,))
            culprit = with_line(alone, _probes_at(case, alone, feed or piece, given=False))
            known = feed is None and any(finding.check == "values" for finding in culprit.findings)
            found += [] if known else [culprit]
    findings = [finding for culprit in found if culprit.line for finding in culprit.findings]
    line = next((culprit.line for culprit in found if culprit.line), None)
    return dataclasses.replace(region, findings=(*region.findings, *findings), line=line)


def _probes_at(
    case: Case, culprit: Culprit, seen: Site, free: Collection[Site] = (), *, given: bool = True
) -> LineProbes:
    """Return the probes about a culprit's lines, judged at a call: by what it is handed, or gives if it is the culprit.

    The calls ``free`` are the port's own, with what lies in them. ``given``: the culprit is a proved one by itself, whose
    arguments are known.
    """
    question, trace, call = case.question, case.trace, _call(culprit)
    around = {*(trace.chain(call) if call else ()), *trace.chain(seen)[1:]}
    inside = {site for site in trace.sites if not set(trace.chain(site)).isdisjoint(free)}
    layers = question.base.patching(set(trace.sites) - around - inside).feeding([call] if call else [])
    crashes = case.log.crash is not None
    lines = look_at(case.port, case.capture, layers, call, seen, given=given, to_a_crash=crashes)
    return probes_at(culprit, seen, question, lines, trace)


def _call(culprit: Culprit) -> Site | None:
    """Return the call whose own code is to blame, None for the code of ``step``."""
    return None if culprit.sites[0] == STEP else culprit.sites[0]


LINES = Axis("lines", frozenset({"survey"}), "lines of code were not looked for", _search)
