"""Ask whether the port starts the same with its own weights, and if not, which parameters are to blame.

What the reference's own initialisations prove needs no probe and no right code. Where a target starts is asked beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bisect_tool.axes.axis import Answer, Axis, Case, handing_over
from bisect_tool.axes.start.felt import search_start
from bisect_tool.axes.start.seeds import others, told_by_seeds
from bisect_tool.axes.start.shown import shown_by, with_what_is_felt
from bisect_tool.checks.initial.start import unlike
from bisect_tool.culprit import AfterTheLayers, held_by
from bisect_tool.finding import Finding
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question, verdict_on
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import start
from bisect_tool.sites import Site
from bisect_tool.wrong_start import OtherStart


def _search(case: Case) -> Answer:
    """Find the initial values that are otherwise, and those that make a target start elsewhere."""
    told = told_by_seeds(case)
    findings = [finding for group in told.values() for finding in group]
    proved = others(case, told, (), unfelt=False)
    with handing_over(lambda: Answer(culprits=tuple(proved))):
        if _code_comes_first(case, findings):
            return _before_the_code_is_right(case, proved)
        found = _elsewhere(case, findings)
        named = [site for culprit in found.culprits if culprit.confirmed for site in culprit.sites]
        code_is_right = not held_by(case.answers["calls"].culprits)
        alike = not found.culprits and not found.open_ends and _starts_alike(case)
        rest = others(case, told, named, unfelt=code_is_right and alike)
        explained = {site for culprit in rest for site in culprit.sites}
        kept = [c for c in found.culprits if c.confirmed or not explained.issuperset(c.sites)]
        felt = with_what_is_felt(case, rest, code_is_right=code_is_right)
        return dataclasses.replace(found, culprits=(*kept, *felt))


def _code_comes_first(case: Case, findings: Sequence[Finding]) -> bool:
    """Tell whether the range of a target's start holds for no net that can be run."""
    calls = case.answers["calls"]
    if case.log.crash or calls.open_ends or any(isinstance(c, AfterTheLayers) and c.felt for c in calls.culprits):
        return True
    # Held values come of other weights: such a net is none of the spread's.
    return bool(held_by(calls.culprits)) and not findings


def _before_the_code_is_right(case: Case, proved: Sequence[OtherStart]) -> Answer:
    """Return what the reference's own initialisations prove, and what a probe shows of the target, which proves nothing."""
    known = [target for target in case.starts if target in case.own.targets]
    otherwise = [site for culprit in proved for site in culprit.sites]
    said = (start.code_comes_first(known, list(shown_by(case, known, otherwise))),) if known else ()
    culprits = tuple(proved)
    return Answer(culprits=culprits, open_ends=said) if case.target else Answer(culprits=culprits, notes=said)


def _starts_alike(case: Case) -> bool:
    """Tell whether the target that is asked about, and nobody is to blame for, starts where it may."""
    if case.target is None or case.target in case.starts:
        return case.target is not None
    return verdict_on(case.own, case.target, case.question.interval) is Verdict.AGREES


def _elsewhere(case: Case, findings: Sequence[Finding]) -> Answer:
    """Ask of each target whether it starts where it may; what one target blames is put right for the next."""
    held = held_by(case.answers["calls"].culprits)
    answers: list[Answer] = []
    for target, interval in case.starts.items():
        blamed = held_by(culprit for answer in answers for culprit in answer.culprits)
        answers.append(_asked(case, target, interval, (*held, *blamed), findings))
    return Answer(
        culprits=tuple(culprit for answer in answers for culprit in answer.culprits),
        open_ends=tuple(end for answer in answers for end in answer.open_ends),
        notes=tuple(note for answer in answers for note in answer.notes),
    )


def _asked(case: Case, target: str, interval: Interval, held: Sequence[Site], findings: Sequence[Finding]) -> Answer:
    question = Question("start", case.port, case.log, target, interval, Intervention(frozenset(held)))
    own = question.ask("start", start.CULPRITS_HELD) if held else case.own
    verdict = question.verdict(own)
    if verdict is Verdict.UNRESOLVED:
        return Answer(open_ends=(start.fails_as_it_is(own.failure),))
    return Answer() if verdict is Verdict.AGREES else _other_start(case, question, own, findings)


def _other_start(case: Case, question: Question, own: Reading, findings: Sequence[Finding]) -> Answer:
    """Find what makes the target start elsewhere; where nothing is proved and nothing differs, it is a rare draw."""
    differing = unlike(case.pair)
    found = search_start(question, case.state, findings, case.trace, unlike=differing)
    if found.open_ends or findings or differing or case.laws or any(culprit.confirmed for culprit in found.culprits):
        return found
    reach = question.interval
    value = own.targets[question.target]
    return Answer(notes=(start.rare_draw(question.target, value, reach.low, reach.high, reach.origin),))


START = Axis("start", frozenset({"run"}), "whether it starts the same was not asked", _search)
