"""A run: the port is opened beside its reference, each axis asks in turn, and the answers become a report."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

from bisect_tool.axes.axis import Case, ask, check_announced
from bisect_tool.axes.calls.placed_otherwise import conventions, explained
from bisect_tool.axes.calls.search import CALLS
from bisect_tool.axes.gradients.search import GRADIENTS
from bisect_tool.axes.gradients.targets import check_gradient_target, is_gradient_target
from bisect_tool.axes.lines.search import LINES
from bisect_tool.axes.optimizer.search import OPTIMIZER
from bisect_tool.axes.start.search import START
from bisect_tool.captures.reader import Capture
from bisect_tool.checks.initial.fixed import initial_values
from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.initial.seeds import otherwise
from bisect_tool.errors import BisectError
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace, state_of, trace_of
from bisect_tool.probes.interface import Port
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ends import check_batch, check_target, ends
from bisect_tool.questions.log import LoggedProbe, ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import (
    Run,
    TargetQuestion,
    Tolerance,
    code_range,
    off_targets,
    question_of,
    questions_of,
    spread_range,
    tight_range,
)
from bisect_tool.questions.tolerance import Interval
from bisect_tool.report.answer import report_of
from bisect_tool.report.data import Report
from bisect_tool.sentences import labels
from bisect_tool.sentences.spelling import listed
from bisect_tool.sites import Site

AXES = (CALLS, START, GRADIENTS, OPTIMIZER, LINES)


def bisect(
    port: Port,
    capture: Capture,
    *,
    target: str | None = None,
    tolerance: Tolerance = Tolerance(),
    on_row: Callable[[LoggedProbe], None] = lambda _row: None,
) -> Report:
    """Find what makes a port's target diverge from a captured reference, and return the report.

    Without a target: find every module call that is wrong by itself, every target that perfect layers do not make
    right, and every call whose backward pass is wrong where the capture has gradients; so too for a target of gradients
    (``grad_norm``, ``grad:<parameter>``). ``on_row`` is called with each probe. Raises BisectError for a target that the
    capture or the port does not have, InconclusiveError when the port is not deterministic, changes when it is merely
    probed, or does not run at all.
    """
    case = _opened(port, capture, target, tolerance, ProbeLog(on_row=on_row))
    for axis in AXES:
        case = ask(axis, case)
    return report_of(case)


def _opened(port: Port, capture: Capture, target: str | None, tolerance: Tolerance, log: ProbeLog) -> Case:
    """Return what the axes look at: the port runs, is deterministic, and its names are paired with the reference's."""
    if not port.knows(capture):
        raise BisectError(f"the port was opened beside another capture than {capture.folder}")
    about = target if is_gradient_target(target) else None
    if about is not None:
        check_gradient_target(capture.manifest, about)
        check_announced(GRADIENTS, port, about)
        target = None
    asked = next(iter(capture.manifest.targets)) if target is None else target
    run = Run(port, capture, asked, tolerance, log)
    check_target(run)
    check_batch(run)
    own = ends(run)
    pair = Pair(capture.manifest, port.described, port.matching, dict(own.calls))
    trace, state = trace_of(pair, port.can_patch), tuple(state_of(pair))
    if not trace.sites and not state:
        raise _nothing_in_common(port, capture)
    question = question_of(run, state, code_range(run))
    base = question.ask("split", labels.ALL_STATE)
    passed_over = {} if base.failure is not None else _passed_over(run, question, trace, base)
    trace = trace.without(passed_over)
    questions = questions_of(run, pair, trace, state, base)
    return Case(
        port=port,
        capture=capture,
        log=log,
        target=target,
        gradient_target=about,
        pair=pair,
        trace=trace,
        state=state,
        questions=questions,
        starts=_starts(run, questions, own, target),
        own=own,
        base=base,
        initial=tuple(initial_values(pair, port.asides.compare_state(otherwise(pair)))),
        laws=tuple(laws(pair)),
        passed_over=explained(passed_over),
    )


def _starts(run: Run, questions: Mapping[str, TargetQuestion], own: Reading, target: str | None) -> dict[str, Interval]:
    """Return where the target, or each where none is asked about, may start with the port's own weights."""
    asked = [name for name in questions if name in own.targets] if target is None else [target]
    found = {name: spread_range(replace(run, target=name), questions[name].question.interval) for name in asked}
    return {name: interval for name, interval in found.items() if interval is not None}


def _passed_over(run: Run, question: Question, trace: Trace, base: Reading) -> dict[Site, Site]:
    """Return the calls that are placed otherwise in the port and do no harm, each with the call around it that is right."""
    if not trace.sites:
        return {}
    tight = {name: tight_range(run, name) for name in base.targets if name in run.capture.manifest.targets}
    return conventions(question, trace, functools.partial(off_targets, tight))


def _nothing_in_common(port: Port, capture: Capture) -> BisectError:
    ours, theirs = ([s.name for s in side.state] for side in (capture.manifest.described, port.described))
    return BisectError(
        "no name in common: no module call and no parameter of the reference has a partner in the port; "
        f"the reference has {listed(ours)}, the port {listed(theirs)}",
        hint="say which name is which with rename rules under [names] in recipe.toml",
    )
