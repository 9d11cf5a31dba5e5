"""Who is innocent, by what was given and compared."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.culprit import AfterTheLayers, Culprit, WrongCode, WrongStart
from bisect_tool.sentences import limits
from bisect_tool.sites import Site


def ruled_out(case: Case, *, agrees: bool) -> list[str]:
    """Return in sentences what the answers clear; ``agrees``: with the reference's weights the targets that are asked about do."""
    code = [culprit for culprit in case.culprits if isinstance(culprit, WrongCode)]
    words = [*_calls(case, code), *_pulled(case, code)]
    if agrees and not case.after_the_layers:
        words.append(limits.loss_is_right([case.target] if case.target else list(case.questions)))
    guessed = {name for name, how in case.pair.matching.how.items() if how == "guess"}
    given = len({*case.state, *case.pair.tied()} - guessed)
    judged = case.answer(CallsAnswer)
    if given and (code or not agrees) and judged is not None and judged.judged is not None:
        words.append(limits.weights_are_right(given, of=len(case.capture.manifest.described.state)))
    words += [*_later(case, code), *_other_tensors(case)]
    return list(dict.fromkeys(words))


def _blamed(culprits: list[WrongCode]) -> set[Site]:
    return {site for culprit in culprits for site in (*culprit.sites, *culprit.held)}


def _calls(case: Case, code: list[WrongCode]) -> Iterator[str]:
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return
    rows = calls.judged.compared
    right = [site for site in rows if site in calls.judged.innocent and site not in _blamed(code)]
    if right:
        yield limits.calls_are_right(len(right), of=len(rows), lost=lost_calls(case))


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
    right = [site for site in case.trace.sites if site not in guilty]
    yield limits.backward_passes_are_right(len(right), of=len(case.trace.sites))


def _later(case: Case, code: list[WrongCode]) -> Iterator[str]:
    order = {site: number for number, site in enumerate(case.trace.sites)}
    for culprit in code:
        if not isinstance(culprit, AfterTheLayers) and culprit.confirmed and culprit.felt:
            last = max((site for site in culprit.held if site in order), key=order.__getitem__, default=None)
            if last is not None:
                yield limits.later_calls_are_right(last)


def _other_tensors(case: Case) -> Iterator[str]:
    for culprit in case.culprits:
        if _is_felt_start(culprit):
            yield limits.other_tensors_are_right(len(culprit.sites))


def _is_felt_start(culprit: Culprit) -> bool:
    return isinstance(culprit, WrongStart) and culprit.confirmed and culprit.felt
