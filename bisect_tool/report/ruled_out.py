"""Who is innocent, by what was given and compared."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.optimizer.search import OptimizerAnswer
from bisect_tool.culprit import AfterTheLayers, WrongCode, held_by
from bisect_tool.questions.question import verdict_on
from bisect_tool.report.weights import not_the_weights_alone
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import ruled_out as sentences
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_start import WrongStart


def ruled_out(case: Case, *, agrees: bool) -> list[str]:
    """Return in sentences what the answers clear; ``agrees``: with the reference's weights the targets that are asked about do."""
    code = [culprit for culprit in case.culprits if isinstance(culprit, WrongCode)]
    words = [*_calls(case, code), *_pulled(case, code)]
    if agrees and not case.after_the_layers and STEP not in _blamed(code):
        others = any(
            verdict_on(case.base, t, q.question.interval) is not Verdict.AGREES for t, q in case.questions.items()
        )
        words.append(sentences.loss_is_right(list(case.asked), case.lost, others_are_not=others))
    judged = case.answer(CallsAnswer)
    if judged is not None and judged.judged is not None:
        words += not_the_weights_alone(case, code_is_wrong=any(culprit.confirmed for culprit in code))
    words += [*_stepped(case)]
    words += [*_repeated(case)]
    words += [*_later(case, code), *_other_tensors(case)]
    return list(dict.fromkeys(words))


def _blamed(culprits: list[WrongCode]) -> set[Site]:
    return {site for culprit in culprits for site in (*culprit.sites, *culprit.held)}


def _calls(case: Case, code: list[WrongCode]) -> Iterator[str]:
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return
    rows = calls.judged.compared
    right = [site for site in rows if site in calls.judged.innocent - calls.elsewhere - _blamed(code)]
    if right:
        yield sentences.calls_are_right(len(right), of=len(rows), lost=lost_calls(case), weights_lost=case.lost)


def lost_calls(case: Case) -> int:
    """Return how many recorded calls of the reference could not be compared by themselves."""
    calls = case.answer(CallsAnswer)
    recorded = {Site(entry.site) for entry in case.capture.manifest.sites}
    return len(recorded if calls is None or calls.judged is None else recorded - {*calls.judged.compared})


def _pulled(case: Case, code: list[WrongCode]) -> Iterator[str]:
    found = case.answer(GradientAnswer)
    if found is None or found.open_ends:
        return
    guilty = {site for culprit in found.culprits for site in culprit.sites} | _blamed(code)
    right = [site for site in found.pulled if site not in guilty]
    if right:
        yield sentences.backward_passes_are_right(len(right), of=len(case.trace.sites))


def _stepped(case: Case) -> Iterator[str]:
    found = case.answer(OptimizerAnswer)
    if found is not None and found.alike and not found.culprits:
        yield sentences.optimizer_is_right(len(found.alike))


def _repeated(case: Case) -> Iterator[str]:
    """Clear the port of giving something else now and then, where it was run more than twice: else there is no report."""
    kinds = [asked.backward for asked in case.log.readings if asked.as_it_is]
    if any(asked.anew for asked in case.log.readings):
        yield sentences.runs_are_alike(kinds.count(""), kinds.count("own"))


def _later(case: Case, code: list[WrongCode]) -> Iterator[str]:
    """Clear what comes after the last culprit: with all of them put right the target agrees, which no other shows to be wrong."""
    if case.target is None or not all(c.confirmed and c.felt and not isinstance(c, AfterTheLayers) for c in code):
        return
    held, order = held_by(code), case.trace.sites
    last = max((site for site in held if site in order), key=order.index, default=None)
    if last is not None:
        yield sentences.later_calls_are_right(last, case.target)


def _other_tensors(case: Case) -> Iterator[str]:
    for culprit in case.culprits:
        shown = culprit.sufficient
        if type(culprit) is WrongStart and culprit.confirmed and shown is not None and shown.quantity is not None:
            yield sentences.other_tensors_are_right(len(culprit.sites), shown.quantity)
