"""The order of a run: preflight, ends, the code question, the values question, the verdict."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bisect_tool.axes.calls.doubts import doubted
from bisect_tool.axes.calls.placed_otherwise import conventions, explained
from bisect_tool.axes.calls.search import CodeAnswer, search_code, search_local
from bisect_tool.axes.calls.values import with_values
from bisect_tool.axes.gradients.lines import with_backward_lines
from bisect_tool.axes.gradients.search import GradientAnswer, search_gradients
from bisect_tool.axes.gradients.targets import ALL, check_gradient_target, gradient_interval, is_gradient_target
from bisect_tool.axes.lines.search import with_lines
from bisect_tool.axes.optimizer.search import compare_steps
from bisect_tool.axes.start.search import StartAnswer, search_fixed, search_silent, search_start
from bisect_tool.captures.reader import Capture
from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.initial.start import initialisation, not_loaded, unlike
from bisect_tool.checks.preflight.census import census
from bisect_tool.checks.preflight.preflight import preflight
from bisect_tool.errors import BisectError
from bisect_tool.finding import Finding, listed
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace, state_of, trace_of
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.port import WorkerPort
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ends import check_batch, check_target, ends
from bisect_tool.questions.judging import floor_of
from bisect_tool.questions.question import LogRow, ProbeLog, Question
from bisect_tool.questions.ranges import (
    Run,
    Tolerance,
    code_range,
    off_targets,
    question_of,
    questions_of,
    spread_range,
    tight_range,
)
from bisect_tool.questions.tolerance import Interval
from bisect_tool.report.answer import Answer, report_data
from bisect_tool.report.data import log_data
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site, parent_of


def bisect(
    port: WorkerPort,
    capture: Capture,
    *,
    target: str | None,
    tolerance: Tolerance = Tolerance(),
    on_row: Callable[[LogRow], None] = lambda _row: None,
) -> dict[str, Any]:
    """Find what makes a port's target diverge from a captured reference, and return the report as data.

    Without a target: find every module call that is wrong by itself, every target that perfect layers do not make
    right, and every call whose backward pass is wrong where the capture has gradients; so too for a target of gradients
    (``grad_norm``, ``grad:<parameter>``). Raises BisectError for a target that the capture or the port does not have,
    InconclusiveError when the port is not deterministic, changes when it is merely probed, or does not run at all.
    """
    about = target if is_gradient_target(target) else None
    if about is not None:
        check_gradient_target(capture.manifest, about)
        target = None
    run = Run(port, capture, target or next(iter(capture.manifest.targets)), tolerance, ProbeLog(on_row=on_row))
    check_target(run)
    check_batch(run)
    own = ends(run)
    pair = Pair(capture.manifest, port.described, port.matching, dict(own.calls))
    trace = trace_of(pair, port.can_patch)
    state = state_of(pair)
    if not trace.sites and not state:
        raise BisectError(
            "no name in common: no module call and no parameter of the reference has a partner in the port; "
            f"the reference has {listed([s.name for s in capture.manifest.described.state])}, "
            f"the port {listed([s.name for s in port.described.state])}",
            hint="say which name is which with rename rules under [names] in recipe.toml",
        )
    asked = question_of(run, state, code_range(run))
    base = asked.ask("split", "all parameters and buffers")
    judge = functools.partial(
        off_targets, {name: tight_range(run, name) for name in base.targets if name in capture.manifest.targets}
    )
    passed_over = conventions(asked, trace, judge) if trace.sites and base.failure is None else {}
    trace = trace.without(passed_over)
    questions = questions_of(run, pair, trace, state, base)
    question, _ = questions[run.target]
    start_range, constants = spread_range(run, question.interval), _initial_values(pair)
    if target is not None:
        code = doubted(_code(question, trace, base, questions[run.target][1]), pair, trace, state)
        starts = (
            Question("start", port, run.log, target, start_range, Intervention(frozenset(code.held)))
            if start_range
            else None
        )
        start = _start(starts, code, constants, pair, state, trace, own) if starts else StartAnswer()
    else:
        code, start = doubted(_local(questions, trace, base), pair, trace, state), StartAnswer()
    pulled = _gradients(run, about, state, code, trace, pair, constants) if target is None else None
    if code.forced is not None:
        code = replace(code, culprits=with_values(code.culprits, code.forced, trace, port, capture))
        asked_about = questions if target is None else {target: questions[target]}
        code = with_lines(code, asked_about, port, capture, trace)
    return report_data(
        Answer(
            capture=capture.manifest,
            port=port.described,
            target=target,
            trace=trace,
            findings=[*preflight(pair), *constants, *laws(pair)],
            census=census(pair),
            own=own,
            base=base,
            code=code,
            start=start,
            about=about,
            gradients=pulled,
            ranges={name: asked.interval for name, (asked, _) in questions.items()},
            start_range=start_range,
            passed_over=explained(passed_over),
            unanswered=port.asides.unanswered,
            probes=log_data(run.log, len(trace.sites)),
        )
    )


def _gradients(
    run: Run,
    about: str | None,
    state: list[Site],
    code: CodeAnswer,
    trace: Trace,
    pair: Pair,
    constants: list[Finding],
) -> GradientAnswer | None:
    """Compare gradients where the capture has any; calls that are wrong on the way forward are left out."""
    gradients, target = run.capture.manifest.gradients, about or ALL
    if gradients is None:
        return None
    if code.forced is None or code.forced.reading.failure is not None:
        return GradientAnswer(open_ends=("gradients cannot be compared before the port runs with every layer patched",))
    interval = gradient_interval(run.capture.manifest, gradients, target)
    question = Question("gradients", run.port, run.log, target, interval, Intervention(frozenset(state)))
    wrong = {*code.forced.suspects, *code.forced.fed_wrong.values(), *(s for c in code.culprits for s in c.sites)}
    if any(culprit.after_the_layers for culprit in code.culprits):
        wrong.add(STEP)
    found = search_gradients(question, trace, pair, gradients, sorted(wrong), constants)
    culprits = with_backward_lines(found.culprits, run.port, run.capture, question, trace)
    if about is not None:
        return replace(found, culprits=culprits)
    untrained = {site for culprit in culprits for site in culprit.sites}
    steps, said = compare_steps(run.port, run.capture, state, untrained)
    return replace(found, culprits=(*culprits, *steps), said=(*found.said, *said))


def _local(questions: dict[str, tuple[Question, Interval]], trace: Trace, base: Reading) -> CodeAnswer:
    if base.failure is not None:
        return CodeAnswer((), (f"the port fails with the reference's weights: {base.failure}",))
    if not trace.sites:
        return CodeAnswer((), ("no module call has a partner that could be patched",))
    return search_local(questions, trace)


def _initial_values(pair: Pair) -> list[Finding]:
    """Return what starts otherwise than the reference by its kind, each tensor once."""
    lost = not_loaded(pair)
    known = {site for finding in lost for site in finding.sites}
    return [*(f for f in initialisation(pair) if not known & set(f.sites)), *lost]


def _rare_draw(question: Question, own: Reading) -> str:
    reach = question.interval
    return (
        f"{question.target} starts at {own.targets[question.target]:.6g}, outside {reach.low:.6g} to {reach.high:.6g} "
        f"({reach.origin}); yet every parameter starts by the reference's law, and no part of them explains it: "
        "a rare draw (`bisect capture --seeds 32` tells more)"
    )


def _code(question: Question, trace: Trace, base: Reading, loss: Interval) -> CodeAnswer:
    verdict = question.verdict(base)
    if verdict is Verdict.UNRESOLVED:
        return CodeAnswer((), (f"the port fails with the reference's weights: {base.failure}",))
    if trace.sites:
        return search_code(question, trace, loss)
    if verdict is Verdict.AGREES:
        return CodeAnswer(())
    return CodeAnswer((), ("the code diverges, but no module call has a partner that could be patched",))


def _start(
    question: Question,
    code: CodeAnswer,
    constants: list[Finding],
    pair: Pair,
    state: list[Site],
    trace: Trace,
    own: Reading,
) -> StartAnswer:
    if code.open_ends or any(c.after_the_layers for c in code.culprits if not c.silent):
        return StartAnswer(open_ends=("whether it starts the same cannot be asked before the code is right",))
    if code.held and not constants:  # held values come of other weights: such a net is none of the spread's
        return StartAnswer(open_ends=("whether it starts the same can be asked once the code is right",))
    if code.held:
        own = question.ask("start", "culprits held, own weights")
    verdict = question.verdict(own)
    if verdict is Verdict.UNRESOLVED:
        return StartAnswer(open_ends=(f"the port fails with its own weights: {own.failure}",))
    if verdict is Verdict.DIVERGES:
        differing = unlike(pair)
        found = search_start(question, state, constants, trace, unlike=differing)
        if any(c.confirmed for c in found.culprits) or found.open_ends or constants or differing or laws(pair):
            return found
        return StartAnswer(said=(_rare_draw(question, own),))
    owners = {str(name): Site(parent_of(name)) for name in state if parent_of(name) in trace.members}
    silent = search_silent(question, constants, owners)
    fixed = search_fixed(question, state, constants, owners, functools.partial(floor_of, trace))
    return StartAnswer((*silent.culprits, *fixed.culprits))
