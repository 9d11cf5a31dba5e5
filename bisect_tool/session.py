"""A run: the port is opened beside its reference, each axis asks in turn, and the answers become a report."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial

from bisect_tool.axes import drawn, guessed, trained
from bisect_tool.axes.axis import Answer, Case, ask, check_announced
from bisect_tool.axes.calls.forms import forms_of
from bisect_tool.axes.calls.search import CALLS
from bisect_tool.axes.crash.search import CRASH
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
from bisect_tool.pairing.trace import state_of, trace_of
from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ends import check_batch, check_target, ends
from bisect_tool.questions.log import LoggedProbe, ProbeLog
from bisect_tool.questions.ranges import (
    Run,
    TargetQuestion,
    Tolerance,
    code_range,
    question_of,
    questions_of,
    spread_range,
)
from bisect_tool.questions.stop import Stop, Stopped
from bisect_tool.questions.tolerance import Interval
from bisect_tool.report.answer import report_of
from bisect_tool.report.data import Report
from bisect_tool.sentences import labels, limits
from bisect_tool.sentences.spelling import listed
from bisect_tool.sites import Site

AXES = (CALLS, CRASH, START, GRADIENTS, OPTIMIZER, LINES)


@dataclass(frozen=True)
class Listening:
    """Who is told what a search does.

    ``on_pair`` is told once, before any probe, ``on_bound`` how many more probes an axis takes at most, ``on_row`` each probe.
    The search ends early where ``interrupted`` says so.
    """

    on_pair: Callable[[Pair], None] = lambda _pair: None
    on_bound: Callable[[int], None] = lambda _at_most: None
    on_row: Callable[[LoggedProbe], None] = lambda _row: None
    interrupted: Callable[[], bool] = lambda: False


def bisect(
    port: Port,
    capture: Capture,
    *,
    target: str | None = None,
    tolerance: Tolerance = Tolerance(),
    time_limit: float | None = None,
    repeat: int = 0,
    listening: Listening = Listening(),
    reference: Callable[[], AbstractContextManager[Port]] | None = None,
) -> Report:
    """Find what makes a port's target diverge from a captured reference, and return the report.

    Without a target: find every module call that is wrong by itself, every target that perfect layers do not make
    right, and every call whose backward pass is wrong where the capture has gradients; so too for a target of gradients
    (``grad_norm``, ``grad:<parameter>``). After ``time_limit`` seconds the search ends, with a probe that it is at then, and
    the report says what is known and what was not asked; that closes the port. ``repeat``: how often more the port is run as it
    is, since one that is wrong now and then differs from itself. ``reference`` opens the reference itself, which is run again where an
    expression is to be told in a line. Raises BisectError for a target that the
    capture or the port does not have, InconclusiveError when the port is not deterministic, changes when it is merely
    probed, or does not run at all.
    """
    stop = Stop(time_limit, listening.interrupted)
    log = ProbeLog(on_row=listening.on_row, on_bound=listening.on_bound, stop=stop)
    port.on_life(stop.check)
    case, run = _beside(port, capture, target, tolerance, log)
    run.repeat = repeat
    listening.on_pair(case.pair)
    try:
        case = _opened(case, run)
    except Stopped as stopped:
        return report_of(_barely_begun(case, str(stopped)))
    with ExitStack() as opened:
        case = replace(case, reference=cache(partial(_again, reference, opened, stop)))
        for axis in AXES:
            case = guessed.doubted(trained.doubted(drawn.doubted(ask(axis, case))))
    return report_of(case)


def _again(reference: Callable[[], AbstractContextManager[Port]] | None, opened: ExitStack, stop: Stop) -> Port | None:
    """Open the reference as a port of itself, until ``opened`` is closed; None where it does not start here."""
    if reference is None:
        return None
    try:
        port = opened.enter_context(reference())
    except BisectError:
        return None
    port.on_life(stop.check)
    return port


def _beside(port: Port, capture: Capture, target: str | None, tolerance: Tolerance, log: ProbeLog) -> tuple[Case, Run]:
    """Return the case before anything ran: the target is known, and names are paired with the reference's."""
    if not port.knows(capture):
        raise BisectError(f"the port was opened beside another capture than {capture.folder}")
    about = target if is_gradient_target(target) else None
    if about is not None:
        check_gradient_target(capture, about)
        check_announced(GRADIENTS, port, about)
        target = None
    run = Run(port, capture, _first(capture) if target is None else target, tolerance, log, free=target is None)
    check_target(run)
    check_batch(run)
    pair = Pair(capture.manifest, port.described, port.matching, {})
    case = Case(
        port=port,
        capture=capture,
        log=log,
        target=target,
        gradient_target=about,
        pair=pair,
        trace=trace_of(pair, port.can_patch),
        state=(),
        questions={},
        starts={},
        own=Reading(),
        base=Reading(),
        initial=(),
    )
    return case, run


def _first(capture: Capture) -> str:
    """Return the first target that can be compared; the first of all where none can."""
    targets = capture.manifest.targets
    return next((name for name, value in targets.items() if math.isfinite(value)), next(iter(targets)))


def _opened(case: Case, run: Run) -> Case:
    """Return what the axes look at: the port runs, and is deterministic."""
    port = case.port
    own = ends(run)
    pair = dataclasses.replace(case.pair, calls=dict(own.calls))
    trace, state = trace_of(pair, port.can_patch), tuple(state_of(pair))
    if not trace.sites and not state:
        raise _nothing_in_common(port, case.capture)
    case = dataclasses.replace(case, pair=pair, trace=trace, own=own)
    opened = _with_weights(case, run, state)
    forms = forms_of(opened)
    if forms.kept:
        opened = _with_weights(case, run, tuple(site for site in state if site not in forms.kept))
    initial = initial_values(pair, port.asides.compare_state(otherwise(pair)))
    moot = forms.kept.union(opened.base.unread)  # how a tensor starts that nothing reads is nobody's fault
    return dataclasses.replace(
        opened,
        forms=forms,
        initial=tuple(finding for finding in initial if finding.site not in moot),
        laws=tuple(finding for finding in laws(pair) if moot.isdisjoint(finding.sites)),
    )


def _with_weights(case: Case, run: Run, state: tuple[Site, ...]) -> Case:
    """Return the case with the code question about each target, where these tensors are given the reference's values."""
    question = question_of(run, state, code_range(run))
    base = question.ask("split", labels.REFERENCE_WEIGHTS)
    questions = questions_of(run, case.pair, case.trace, state, base)
    starts = _starts(run, questions, case.own, case.target)
    return dataclasses.replace(case, state=state, questions=questions, starts=starts, base=base)


def _barely_begun(case: Case, why: str) -> Case:
    """Return the case of a search that was stopped before any axis asked, with what the port gave by then."""
    nothing = Answer(open_ends=(limits.not_finished(why, CALLS.lost),))
    readings = case.log.readings
    own, base = (readings.get(Intervention(frozenset(sites)), Reading()) for sites in ((), state_of(case.pair)))
    return dataclasses.replace(case, own=own, base=base).answered(CALLS.name, nothing)


def _starts(run: Run, questions: Mapping[str, TargetQuestion], own: Reading, target: str | None) -> dict[str, Interval]:
    """Return where the target, or each where none is asked about, may start with the port's own weights."""
    asked = [name for name in questions if name in own.targets] if target is None else [target]
    found = {name: spread_range(replace(run, target=name), questions[name].question.interval) for name in asked}
    return {name: interval for name, interval in found.items() if interval is not None}


def _nothing_in_common(port: Port, capture: Capture) -> BisectError:
    ours, theirs = ([s.name for s in side.state] for side in (capture.manifest.described, port.described))
    return BisectError(
        "no name in common: no module call and no parameter of the reference has a partner in the port; "
        f"the reference has {listed(ours)}, the port {listed(theirs)}",
        hint="say which name is which with rename rules under [names] in recipe.toml",
    )
