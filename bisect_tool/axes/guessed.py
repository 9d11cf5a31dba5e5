"""Pairs of tensors that are but guessed, or in an unknown form: whoever is blamed on the ground of one is only suspected."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from bisect_tool.axes.axis import Answer, Case
from bisect_tool.axes.calls.forms import still_unsure
from bisect_tool.culprit import Culprit, WrongCalls, WrongWrites
from bisect_tool.pairing.names import Matching
from bisect_tool.sentences import names as sentences
from bisect_tool.sites import STEP, Site, module_of, parent_of
from bisect_tool.wrong_learning import Untied, WrongBackward, WrongStep
from bisect_tool.wrong_start import WrongStart

Guess = tuple[str, str]  # the reference's name, the port's


def guesses(matching: Matching) -> list[Guess]:
    """Return the tensors whose partner is guessed."""
    return [(name, matching.state[name]) for name, how in matching.how.items() if how == "guess"]


def doubted(case: Case) -> Case:
    """Return the case with a doubt in whoever is blamed on the ground of a guess; regions of calls have theirs already."""
    if not guesses(case.pair.matching) and not case.forms.unsure:
        return case
    return dataclasses.replace(case, answers={name: _doubted(answer, case) for name, answer in case.answers.items()})


def _doubted(answer: Answer, case: Case) -> Answer:
    culprits, ends = [], list(answer.open_ends)
    for culprit in answer.culprits:
        doubts = () if culprit.doubts else tuple(_of(culprit, case))
        ends += [doubt for doubt in doubts if doubt not in ends]
        culprits.append(dataclasses.replace(culprit, doubts=(*culprit.doubts, *doubts)))
    return dataclasses.replace(answer, culprits=tuple(culprits), open_ends=tuple(ends))


def _of(culprit: Culprit, case: Case) -> Iterator[str]:
    if _rests_on_one(culprit, case):
        yield sentences.RESTS_ON_A_GUESS
    unsure = still_unsure(case)
    if isinstance(culprit, WrongStart):
        yield from (sentences.unsure_form(name, unsure[name]) for name in culprit.sites if name in unsure)


def _rests_on_one(culprit: Culprit, case: Case) -> bool:
    known = {name for name, _ in guesses(case.pair.matching)}
    if isinstance(culprit, WrongStep):  # a setting of the optimizer shows in every tensor
        return bool(culprit.sites) and known.issuperset(culprit.sites)
    named = set[Site]()
    if isinstance(culprit, WrongCalls | WrongWrites):
        named.update(culprit.leaves)
    if isinstance(culprit, WrongBackward | WrongStart):
        named.update(culprit.sites)
    if isinstance(culprit, Untied):
        named.add(culprit.first)
    return not known.isdisjoint(named) or (isinstance(culprit, WrongBackward) and _in_calls(culprit.sites, case, known))


def _in_calls(sites: Collection[Site], case: Case, known: Collection[str]) -> bool:
    """Tell whether a module of some calls is guessed, or a tensor in it, or the module of a call that they make."""
    guessed = case.pair.matching.guessed
    made = [Site(call) for call, outer in case.trace.parents.items() if (STEP if outer is None else outer) in sites]
    own = {module_of(site) for site in sites}
    return any(module_of(call) in guessed for call in (*sites, *made)) or any(parent_of(name) in own for name in known)
