"""The order of a run: preflight, ends, the code question, the values question, the verdict."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bisect_tool.answer import Answer, report_data
from bisect_tool.captures.manifest import Manifest, SiteEntry
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.code_search import CodeAnswer, search_code, search_local
from bisect_tool.compare.tolerance import SAFETY, Interval, code_interval, loss_interval, start_interval
from bisect_tool.conventions import conventions, explained
from bisect_tool.culprit import Culprit
from bisect_tool.diagnosis.census import census
from bisect_tool.diagnosis.laws import laws
from bisect_tool.diagnosis.pair import Pair
from bisect_tool.diagnosis.preflight import preflight, setting_differences
from bisect_tool.diagnosis.sizes import explained_text, row_counts
from bisect_tool.diagnosis.start import initialisation, not_loaded, unlike
from bisect_tool.errors import BisectError, InconclusiveError
from bisect_tool.finding import Finding, listed
from bisect_tool.forced_pass import EVERYTHING, floor_of
from bisect_tool.gradient_lines import with_backward_lines
from bisect_tool.gradient_search import GradientAnswer, search_gradients
from bisect_tool.line_search import with_lines
from bisect_tool.probes.gradient_targets import ALL, check_gradient_target, gradient_interval, is_gradient_target
from bisect_tool.probes.intervention import Intervention, Reading
from bisect_tool.probes.port import WorkerPort
from bisect_tool.questions import LogRow, ProbeLog, Question, run_logged, verdict_on
from bisect_tool.report import log_data
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site, module_of, parent_of
from bisect_tool.start_search import StartAnswer, search_fixed, search_silent, search_start
from bisect_tool.step_search import compare_steps
from bisect_tool.trace import Trace, lies_in
from bisect_tool.value_findings import with_values


@dataclass(frozen=True)
class Tolerance:
    """An explicit tolerance for the code question; both None where it is to be measured."""

    rtol: float | None = None
    atol: float | None = None


@dataclass
class _Run:
    """What one run of ``bisect`` carries from step to step."""

    port: WorkerPort
    capture: Capture
    target: str
    tolerance: Tolerance
    log: ProbeLog


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
    run = _Run(port, capture, target or next(iter(capture.manifest.targets)), tolerance, ProbeLog(on_row=on_row))
    _check_target(run)
    _check_batch(run)
    own = _ends(run)
    pair = Pair(capture.manifest, port.described, port.matching, dict(own.calls))
    trace = _trace(run, pair)
    state = _state(pair)
    if not trace.sites and not state:
        raise BisectError(
            "no name in common: no module call and no parameter of the reference has a partner in the port; "
            f"the reference has {listed([s.name for s in capture.manifest.described.state])}, "
            f"the port {listed([s.name for s in port.described.state])}",
            hint="say which name is which with rename rules under [names] in recipe.toml",
        )
    asked = _question(run, state, _code_interval(run))
    base = asked.ask("split", "all parameters and buffers")
    judge = functools.partial(
        _off_targets, {name: _tight(run, name) for name in base.targets if name in capture.manifest.targets}
    )
    passed_over = conventions(asked, trace, judge) if trace.sites and base.failure is None else {}
    trace = trace.without(passed_over)
    questions = _questions(run, pair, trace, state, base)
    question, _ = questions[run.target]
    start_range, constants = _start_interval(run, question.interval), _initial_values(pair)
    if target is not None:
        code = _doubted(_code(question, trace, base, questions[run.target][1]), pair, trace, state)
        starts = (
            Question("start", port, run.log, target, start_range, Intervention(frozenset(code.held)))
            if start_range
            else None
        )
        start = _start(starts, code, constants, pair, state, trace, own) if starts else StartAnswer()
    else:
        code, start = _doubted(_local(questions, trace, base), pair, trace, state), StartAnswer()
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
            probes=log_data(run.log, len(trace.sites)),
        )
    )


def _gradients(
    run: _Run,
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


def _tight(run: _Run, target: str) -> Interval:
    """Return where a target may lie when nothing but the rounding of the loss moves it."""
    noise, one = run.capture.manifest.noise, replace(run, target=target)
    return loss_interval(_code_interval(one), noise.loss.get(target, math.inf), noise.rounding)


def _off_targets(intervals: dict[str, Interval], reading: Reading) -> float:
    """Return how far the worst target lies from the reference's, over how far it may; infinity where there is none."""
    if reading.failure is not None:
        return math.inf
    return max((interval.off(reading.targets.get(name, math.nan)) for name, interval in intervals.items()), default=0.0)


def _question(run: _Run, state: list[Site], interval: Interval) -> Question:
    return Question("code", run.port, run.log, run.target, interval, Intervention(frozenset(state)))


def _questions(
    run: _Run, pair: Pair, trace: Trace, state: list[Site], base: Reading
) -> dict[str, tuple[Question, Interval]]:
    """Return for each target that is compared its code question, and where it may lie once all layers are perfect."""
    found = {}
    values = run.capture.manifest.targets
    for name in sorted(values, key=lambda name: name != run.target):  # the log shows the one that asked first
        one = replace(run, target=name)
        if name == run.target or (math.isfinite(values[name]) and name in base.targets):
            question, loss = _question(one, state, _code_interval(one)), _loss_interval(one, pair, trace, base)
            summed = trace.sites and base.failure is None
            found[name] = _with_summation(one, question, trace, loss) if summed else (question, loss)
    return found


def _local(questions: dict[str, tuple[Question, Interval]], trace: Trace, base: Reading) -> CodeAnswer:
    if base.failure is not None:
        return CodeAnswer((), (f"the port fails with the reference's weights: {base.failure}",))
    if not trace.sites:
        return CodeAnswer((), ("no module call has a partner that could be patched",))
    return search_local(questions, trace)


def _with_summation(run: _Run, question: Question, trace: Trace, loss: Interval) -> tuple[Question, Interval]:
    """Return question and loss interval with room for the port's own sums: frameworks that sum naively are far off.

    Only where the loss is off from perfect layers, and by no more than the framework's own sum is, for as many
    numbers as the largest recorded tensor has.
    """
    reading = question.ask("forced", EVERYTHING, trace.sites, (*trace.sites, *trace.misshapen))
    off = abs(reading.targets.get(run.target, math.nan) - loss.centre)
    if run.tolerance != Tolerance() or not loss.high - loss.centre < off <= SAFETY * run.port.sum_error * abs(
        loss.centre
    ):
        return question, loss
    words = f", and {off:.2g} that the port's own sums in the loss are off (its framework sums naively)"

    def wider(interval: Interval) -> Interval:
        return Interval(interval.low - off, interval.high + off, interval.centre, interval.origin + words)

    return replace(question, interval=wider(question.interval)), wider(loss)


def _loss_interval(run: _Run, pair: Pair, trace: Trace, base: Reading) -> Interval:
    """Return where the target may lie once every outermost call gives the reference's value, if each can be given it."""
    code, tight = _code_interval(run), _tight(run, run.target)
    lost = any(around is None and call not in trace.sites for call, around in run.capture.manifest.calls.items())
    if lost and verdict_on(base, run.target, tight) is Verdict.AGREES:
        # Right as it is: perfect layers that cannot be had prove nothing.
        return replace(code, low=-math.inf, high=math.inf)
    return code if lost or _batch_differs(pair) or run.tolerance != Tolerance() else tight


def _batch_differs(pair: Pair) -> set[str]:
    return {e.path for e in pair.reference.described.batch} ^ {e.path for e in pair.port.batch}


def _check_batch(run: _Run) -> None:
    theirs = {entry.path for entry in run.port.described.batch}
    missing = [entry.path for entry in run.capture.manifest.described.batch if entry.path not in theirs]
    if missing:
        raise BisectError(
            f"the port's batch has no {listed([repr(path) for path in missing])}, as the reference's has; "
            f"it has {listed([repr(path) for path in sorted(theirs)]) or 'no arrays'}",
            hint="return a batch of the same structure from both builds: the port is given the reference's values",
        )


def _check_target(run: _Run) -> None:
    manifest = run.capture.manifest
    if run.target in manifest.not_scalar:
        raise BisectError(f"target {run.target!r} of the reference {manifest.not_scalar[run.target]}")
    if run.target not in manifest.targets:
        raise BisectError(f"no target {run.target!r}: step of the reference returned {', '.join(manifest.targets)}")
    if not math.isfinite(manifest.targets[run.target]):
        raise BisectError(
            f"target {run.target!r} of the reference is {manifest.targets[run.target]}: there is nothing to compare with"
        )


def _ends(run: _Run) -> Reading:
    """Run the port as it is, twice, and once with every output replaced by its own copy: all must be alike."""

    def ask(intervention: Intervention, what: str) -> Reading:
        return run_logged(
            run.port, run.log, intervention, "ends", what, run.target, lambda r: _plain_verdict(run, r), patched=0
        )

    first = ask(Intervention(), "as it is")
    if first.failure is not None:
        why = explained_text(first.failure, row_counts(run.capture.manifest))
        raise InconclusiveError(
            f"the port does not run as it is: {first.failure}",
            hint=f"mend that first{f': {why}' if why else ''}; --debug shows all that the port said",
            detail=first.detail,
        )
    if run.target in first.not_scalar:
        raise BisectError(f"target {run.target!r} of the port {first.not_scalar[run.target]}")
    if run.target not in first.targets:
        raise BisectError(f"no target {run.target!r} in the port: its step returned {', '.join(first.targets)}")
    second = ask(Intervention(repeat=1), "as it is, again")
    _same(
        run, first, second, "two identical runs of the port differ", "switch dropout and other randomness off in build"
    )
    inert = ask(Intervention(echo=True), "every output replaced by a copy of itself")
    _same(
        run,
        first,
        inert,
        "replacing outputs by copies of themselves changes the port",
        "it shares or overwrites tensors",
    )
    return first


def _plain_verdict(run: _Run, reading: Reading) -> Verdict:
    rounding = _code_interval(run)
    return verdict_on(reading, run.target, _start_interval(run, rounding) or rounding)


def _same(run: _Run, first: Reading, other: Reading, what: str, hint: str) -> None:
    if other.failure is not None:
        raise InconclusiveError(f"{what}: the second one failed: {other.failure}")
    left, right = first.targets[run.target], other.targets.get(run.target)
    if right is None or (left != right and not (math.isnan(left) and math.isnan(right))):
        raise InconclusiveError(f"{what}: {run.target} {left!r}, then {right!r}", hint=hint)


def _trace(run: _Run, pair: Pair) -> Trace:
    manifest = run.capture.manifest
    times = Counter(module_of(call) for call in manifest.calls)
    theirs = Counter(module_of(call) for call in pair.calls)
    comparable = [  # calls of a module are told apart by their number: it must be the same on both sides
        e
        for e in manifest.sites
        if e.site in pair.calls and times[e.module] == theirs[e.module] and run.port.can_patch(e.site)
    ]
    sites = tuple(Site(e.site) for e in comparable if _same_shapes(manifest, e, pair.calls[e.site]))
    classes = {ours.name: (ours.class_, theirs.class_) for ours, theirs in pair.modules()}
    fitting = frozenset(sites)
    misshapen = tuple(Site(e.site) for e in comparable if e.site not in fitting)
    noise = manifest.noise
    return Trace(sites, manifest.calls, classes, setting_differences(pair), noise.rounding, noise.exact, misshapen)


def _same_shapes(manifest: Manifest, entry: SiteEntry, outputs: Sequence[tuple[str, tuple[int, ...]]]) -> bool:
    ours = [manifest.tensors[key].shape for _, key in tensor_keys(entry.output)]
    theirs = [shape for _, shape in outputs]
    return len(ours) == len(theirs) and all(
        a == b or math.prod(a) == math.prod(b) == 1 for a, b in zip(ours, theirs, strict=True)
    )


def _state(pair: Pair) -> list[Site]:
    """Return what can be given the reference's value: tensors that fit, a tied one by its first name alone."""
    return [
        Site(a.name) for a, b in pair.state() if (a.shape == b.shape or a.size == b.size == 1) and b.alias_of is None
    ]


def _doubted(answer: CodeAnswer, pair: Pair, trace: Trace, state: Sequence[Site]) -> CodeAnswer:
    """Return the answer with what keeps its culprits from being proved: what could not be given the reference's value."""
    culprits = [replace(c, doubts=(*c.doubts, *_doubts(c, pair, trace, state))) for c in answer.culprits]
    doubts = dict.fromkeys(doubt for c in culprits for doubt in c.doubts)
    return replace(answer, culprits=tuple(culprits), open_ends=(*answer.open_ends, *doubts))


def _doubts(culprit: Culprit, pair: Pair, trace: Trace, state: Sequence[Site]) -> Iterator[str]:
    tied = set(pair.tied())
    given = {*state, *tied}
    reference = pair.reference
    if culprit.after_the_layers:
        tops = [call for call, around in reference.calls.items() if around is None and call not in trace.sites]
        parts = _batch_differs(pair)
        if tops:
            yield f"{listed(tops)} could not be given the reference's value, so that the fault may lie there too"
        if parts:
            yield f"the port did not get the reference's batch: {listed(sorted(parts))} is on one side only"
        modules = {m.name for m in reference.described.modules}
    else:
        modules = {module_of(site) for site in culprit.sites}
    names = [s.name for s in reference.described.state if lies_in(parent_of(s.name), modules)]
    lost = [name for name in names if name not in given and parent_of(name) in {module_of(c) for c in reference.calls}]
    guessed = [n for n in names if pair.matching.how.get(n) == "guess"]
    if lost and not culprit.whatever_weights:
        yield f"{listed(lost)} could not be given the reference's value (no partner or another shape in the port)"
    if guessed:
        pairs = listed([f"{n} = {pair.matching.state[n]}" for n in guessed])
        yield f"{pairs} is matched by shape and order only: say which is which with a rename rule"


def _code_interval(run: _Run) -> Interval:
    manifest = run.capture.manifest
    return code_interval(
        manifest.targets[run.target],
        manifest.noise.targets.get(run.target, 0.0),
        manifest.noise.rounding,
        rtol=run.tolerance.rtol,
        atol=run.tolerance.atol,
    )


def _start_interval(run: _Run, rounding: Interval) -> Interval | None:
    manifest = run.capture.manifest
    values = [manifest.targets[run.target], *(t[run.target] for t in manifest.spread.targets if run.target in t)]
    interval = start_interval(values)
    if interval is None:
        return None
    # Initialisations that do not differ (weights that are loaded) are no narrower than honest rounding.
    return replace(interval, low=min(interval.low, rounding.low), high=max(interval.high, rounding.high))


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
