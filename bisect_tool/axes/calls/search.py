"""Ask whether the code computes the same with the reference's weights, and if not, which call is to blame."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.blame import Looked, merged, rounding_notes, unfelt, wrong_loss
from bisect_tool.axes.calls.cuts import MOST_CULPRITS, Felt, felt
from bisect_tool.axes.calls.doubts import doubted
from bisect_tool.axes.calls.forced_pass import Forced, force
from bisect_tool.axes.calls.values import with_values
from bisect_tool.culprit import Culprit
from bisect_tool.pairing.trace import Trace
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels


@dataclass(frozen=True, kw_only=True)
class CallsAnswer(Answer):
    """What the code search found. ``forced`` is the forced pass, where it could be run."""

    forced: Forced | None = None


def _search(case: Case) -> CallsAnswer:
    """Find the calls whose own code is wrong: those that the target feels, or without a target each by itself."""
    found = _asked(case)
    if found.forced is not None:
        culprits = with_values(found.culprits, found.forced, case.trace, case.port, case.capture)
        found = dataclasses.replace(found, culprits=culprits)
    return doubted(found, case.pair, case.trace, case.state)


def _asked(case: Case) -> CallsAnswer:
    if case.base.failure is not None:
        return CallsAnswer(open_ends=(calls.fails(labels.REFERENCE_WEIGHTS, case.base.failure),))
    if case.trace.sites:
        if case.target is None:
            return search_local(case.questions, case.trace)
        asked = case.questions[case.target]
        return search_code(asked.question, case.trace, asked.loss)
    if case.target is None:
        return CallsAnswer(open_ends=(calls.NO_CALL,))
    if case.question.verdict(case.base) is Verdict.AGREES:
        return CallsAnswer()
    return CallsAnswer(open_ends=(calls.DIVERGES_WITHOUT_CALLS,))


def search_code(question: Question, trace: Trace, loss: Interval) -> CallsAnswer:
    """Find every call whose own code is wrong: first those that the target feels, the last in execution order first.

    The forced pass shows each call's own error, and whether the code after the last call makes the reference's
    target (within ``loss``) of perfect layers. Where the target diverges, cuts prove which call it feels. Each culprit
    is held while the search goes on. What is wrong by itself and not felt is named too.
    """
    forced = force(question, trace)
    if forced.reading.failure is not None:
        return CallsAnswer(open_ends=(calls.fails(labels.EVERY_LAYER, forced.reading.failure),))
    search = Looked(question, trace, forced)
    found = _felt(search, loss)
    return _answer((*found.culprits, *unfelt(search, found.culprits)), found.open_ends, forced)


def _felt(search: Looked, loss: Interval) -> Felt:
    question, forced = search.question, search.forced
    if forced.misshapen:
        return Felt(open_ends=(calls.not_replaced(question.target, forced.misshapen),))
    value = question.value(forced.reading)
    if value is None:
        return Felt(open_ends=(calls.gives_no(question.target, labels.EVERY_LAYER),))
    if not loss.holds(value):
        return Felt((wrong_loss(question, search.trace, forced.reading),))
    if question.verdict(question.ask("split", labels.ALL_STATE)) is Verdict.AGREES:
        return Felt()
    return felt(search)


def search_local(questions: Mapping[str, TargetQuestion], trace: Trace) -> CallsAnswer:
    """Find every call that is wrong by itself, and every target that perfect layers do not make right.

    One forced pass; no target is bisected. ``questions`` has each target's question and loss interval.
    """
    question = next(iter(questions.values())).question
    forced = force(question, trace)
    if forced.reading.failure is not None:
        return CallsAnswer(open_ends=(calls.fails(labels.EVERY_LAYER, forced.reading.failure),))
    wrong: list[Culprit] = []
    open_ends: list[str] = []
    for target, asked in () if forced.misshapen else questions.items():
        value = asked.question.value(forced.reading)
        if value is None:
            open_ends.append(calls.gives_no(target, labels.EVERY_LAYER))
        elif not asked.loss.holds(value):
            wrong = merged(wrong, wrong_loss(asked.question, trace, forced.reading))
    search = Looked(question, trace, forced, asks_target=False)
    return _answer((*wrong, *unfelt(search, ())), tuple(open_ends), forced)


def _answer(culprits: tuple[Culprit, ...], open_ends: tuple[str, ...], forced: Forced) -> CallsAnswer:
    more = (calls.stopped_after(MOST_CULPRITS),) if len(culprits) > MOST_CULPRITS else ()
    return CallsAnswer(
        culprits=culprits[:MOST_CULPRITS],
        open_ends=(*open_ends, *more),
        notes=rounding_notes(forced),
        forced=forced,
    )


CALLS = Axis("calls", frozenset({"run"}), "no module call was judged", _search)
