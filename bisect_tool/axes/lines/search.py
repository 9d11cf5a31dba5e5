"""The axis of lines: which line of plain code is wrong, after the last layer or around the layers.

Every layer's output is the reference's while this is asked, so that only plain code is left. Variables of watched
functions are then sites like any other: compared, and given the reference's value. A name may mean another thing on
both sides; such a variable heals nothing, and so is never blamed.
"""

from __future__ import annotations

from bisect_tool.axes.axis import Answer, Axis, Case, handing_over
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.lines.after_layers import lines_after_layers
from bisect_tool.axes.lines.inside import with_line
from bisect_tool.axes.lines.statements import look_at
from bisect_tool.culprit import Culprit, WrongCaller, WrongLoss
from bisect_tool.probes.reading import Reading
from bisect_tool.sites import STEP, Site


def _search(case: Case) -> Answer:
    """Name the lines of culprits that are plain code: after the last layer, or around the layers."""
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return Answer()
    coded = {variable.around for variable in case.capture.manifest.variables}
    plain = [culprit for culprit in calls.culprits if not culprit.doubts and _call(culprit) in coded]
    sharper: dict[Culprit, tuple[Culprit, ...]] = {}
    with handing_over(lambda: Answer(sharper=sharper)):
        for culprit in plain:
            sharper[culprit] = _lines_of(case, culprit, calls.judged.perfect)
    return Answer(sharper=sharper)


def _lines_of(case: Case, culprit: Culprit, perfect: Reading) -> tuple[Culprit, ...]:
    """Return what is to blame in the code of a culprit; ``perfect`` is the reading in which all layers are right."""
    question, trace = case.question, case.trace
    if isinstance(culprit, WrongLoss):
        asked = case.questions if case.target is None else {case.target: case.questions[case.target]}
        layers = question.base.patching(trace.outermost(trace.sites))
        return lines_after_layers(perfect, culprit, asked, look_at(case.port, case.capture, layers))
    call = _call(culprit)
    seen = culprit.feeds[0] if isinstance(culprit, WrongCaller) else culprit.sites[0]
    around = {*(trace.chain(call) if call else ()), *trace.chain(seen)[1:]}
    layers = question.base.patching(set(trace.sites) - around).feeding([call] if call else [])
    lines = look_at(case.port, case.capture, layers, call, seen)
    return (with_line(culprit, seen, question, lines, trace),)


def _call(culprit: Culprit) -> Site | None:
    """Return the call whose own code is to blame, None for the code of ``step``."""
    return None if culprit.sites[0] == STEP else culprit.sites[0]


LINES = Axis("lines", frozenset({"survey"}), "lines of code were not looked for", _search)
