"""Where each target may lie, and the questions that are asked about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bisect_tool.captures.reader import Capture
from bisect_tool.pairing.pair import Pair, batch_differs
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question, verdict_on
from bisect_tool.questions.tolerance import (
    MOST_SUM_ERROR,
    SAFETY,
    Interval,
    code_interval,
    loss_interval,
    start_interval,
)
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import labels, ranges
from bisect_tool.sites import Site


@dataclass(frozen=True)
class Tolerance:
    """An explicit tolerance for the code question; both None where it is to be measured."""

    rtol: float | None = None
    atol: float | None = None


@dataclass(frozen=True)
class TargetQuestion:
    """The code question about one target, and where the target may lie once all layers give the reference's values."""

    question: Question
    loss: Interval


@dataclass
class Run:
    """What one run of ``bisect`` carries from step to step.

    ``free``: any target that both sides have will do; ``repeat``: how often more the port is run as it is, to see whether it is
    the same each time.
    """

    port: Port
    capture: Capture
    target: str
    tolerance: Tolerance
    log: ProbeLog
    free: bool = False
    repeat: int = 0


def code_range(run: Run) -> Interval:
    """Return where the target may lie with the reference's weights: moved by the rounding of all layers."""
    manifest = run.capture.manifest
    return code_interval(
        manifest.targets[run.target],
        manifest.noise.targets.get(run.target, 0.0),
        manifest.noise.rounding,
        rtol=run.tolerance.rtol,
        atol=run.tolerance.atol,
    )


def spread_range(run: Run, rounding: Interval) -> Interval | None:
    """Return where the target starts over initialisations; None where the capture does not tell."""
    manifest = run.capture.manifest
    values = [manifest.targets[run.target], *(t[run.target] for t in manifest.spread.targets if run.target in t)]
    interval = start_interval(values)
    if interval is None:
        return None
    # Initialisations that do not differ (weights that are loaded) are no narrower than honest rounding.
    return replace(interval, low=min(interval.low, rounding.low), high=max(interval.high, rounding.high))


def tight_range(run: Run, target: str) -> Interval:
    """Return where a target may lie when nothing but the rounding of the loss moves it."""
    noise, one = run.capture.manifest.noise, replace(run, target=target)
    return loss_interval(code_range(one), noise.loss.get(target, math.inf), noise.rounding)


def question_of(run: Run, state: Sequence[Site], interval: Interval) -> Question:
    """Return the code question about the target: with some parameters and buffers the reference's."""
    return Question("code", run.port, run.log, run.target, interval, Intervention(frozenset(state)))


def questions_of(run: Run, pair: Pair, trace: Trace, state: Sequence[Site], base: Reading) -> dict[str, TargetQuestion]:
    """Return for each target that is compared its code question, and where it may lie once all layers are perfect."""
    found = {}
    values = run.capture.manifest.targets
    for name in sorted(values, key=lambda name: name != run.target):  # the log shows the one that asked first
        one = replace(run, target=name)
        if name == run.target or (math.isfinite(values[name]) and name in base.targets):
            question, loss = question_of(one, state, code_range(one)), _loss_interval(one, pair, trace, base)
            summed = trace.sites and base.failure is None
            asked = TargetQuestion(question, loss)
            found[name] = _with_summation(one, asked, trace) if summed else asked
    return found


def _loss_interval(run: Run, pair: Pair, trace: Trace, base: Reading) -> Interval:
    """Return where the target may lie once every outermost call gives the reference's value, if each can be given it."""
    code, tight = code_range(run), tight_range(run, run.target)
    lost = any(around is None and call not in trace.sites for call, around in run.capture.manifest.calls.items())
    if lost and verdict_on(base, run.target, tight) is Verdict.AGREES:
        # Right as it is: perfect layers that cannot be had prove nothing.
        return replace(code, low=-math.inf, high=math.inf)
    return code if lost or batch_differs(pair) or run.tolerance != Tolerance() else tight


def _with_summation(run: Run, asked: TargetQuestion, trace: Trace) -> TargetQuestion:
    """Return question and loss interval with room for the port's own sums: frameworks that sum naively are far off.

    Only where the loss is off from perfect layers, and by no more than the framework's own sum is, for as many
    numbers as the largest recorded tensor has.
    """
    question, loss = asked.question, asked.loss
    allowed = SAFETY * min(run.port.sum_error, MOST_SUM_ERROR) * abs(loss.centre)
    if run.tolerance != Tolerance() or allowed <= loss.high - loss.centre:
        return asked
    reading = question.run(
        question.base.forcing(()), "forced", labels.forced(0, 0, stirred=False), patched=len(trace.sites)
    )
    off = abs(reading.targets.get(run.target, math.nan) - loss.centre)
    if not loss.high - loss.centre < off <= allowed:
        return asked

    def wider(interval: Interval) -> Interval:
        origin = ranges.with_own_sums(interval.origin, off)
        return Interval(interval.low - off, interval.high + off, interval.centre, origin)

    return TargetQuestion(replace(question, interval=wider(question.interval)), wider(loss))
