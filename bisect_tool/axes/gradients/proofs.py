"""Whole backward passes that prove who makes gradients wrong.

Gradients are linear, so that what a call's code lacks of the reference's can be added to what it passes on: it is right then,
and what is off before it still shows. *Sufficient*: with so much added to all culprits, every gradient agrees. *Necessary*:
without what is added to one of them, they do not. Code that nothing need be added to does no harm: how a gradient is split
between two names of one value, say, or a factor that one call has for another.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Sequence
from dataclasses import replace

from bisect_tool.axes.gradients.passes import Backward, Repair, whole_pass
from bisect_tool.axes.gradients.suspects import Suspect
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.questions.proof import Proof, agrees
from bisect_tool.questions.question import Question
from bisect_tool.search.ddmin import ddmin
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import WrongBackward

MOST_TRIED = 12  # suspects of which the fewest are looked for


def proved(asked: Backward, suspects: Sequence[Suspect]) -> tuple[WrongBackward, ...]:
    """Return the fewest suspects that make every gradient agree, with their two probes.

    Beside them those whose wrong gradients all end in others of these that pass nothing on: no pass can show them.
    """
    needed = _needed(asked, suspects)
    blind = _blind(needed)
    hidden = [one for one in suspects if one not in needed and _ends_in(asked, one, blind)]
    sufficient = _passing_on(asked, needed) if needed else None
    return (
        *(_with_proofs(asked, one, needed, sufficient) for one in needed),
        *(
            replace(one.culprit, sufficient=sufficient, necessary=Proof(sentences.STAYS_INSIDE, Verdict.DIVERGES))
            for one in hidden
        ),
    )


def _needed(asked: Backward, suspects: Sequence[Suspect]) -> Sequence[Suspect]:
    every = range(len(suspects))

    def verdict(chosen: Collection[int]) -> Verdict:
        reading = _pass_with(asked, [suspects[number] for number in sorted(chosen)])
        return Verdict.DIVERGES if reading.failure is not None or asked.off(reading) else Verdict.AGREES

    if not 1 < len(suspects) <= MOST_TRIED or verdict(every) is not Verdict.AGREES:
        return suspects
    return [suspects[number] for number in sorted(ddmin(every, verdict))]


def _with_proofs(
    asked: Backward, suspect: Suspect, needed: Sequence[Suspect], sufficient: Proof | None
) -> WrongBackward:
    others = [other for other in needed if other is not suspect]
    before, words = _pass_with(asked, others), sentences.only_wrong(_sites(others))
    necessary, off = _question(asked, others).proof(words, before), asked.off(before)
    if off and agrees(necessary):
        necessary = Proof(sentences.also_off(words, off), Verdict.DIVERGES)
        return replace(suspect.culprit, necessary=necessary, felt=False)
    return replace(suspect.culprit, sufficient=sufficient, necessary=necessary)


def _passing_on(asked: Backward, suspects: Sequence[Suspect]) -> Proof:
    """Return what it proves that some suspects are put right together."""
    healed = _pass_with(asked, suspects)
    return _question(asked, suspects).proof(sentences.passing_on(_sites(suspects)), healed)


def _pass_with(asked: Backward, suspects: Sequence[Suspect]) -> Reading:
    return whole_pass(asked, _repair(suspects), sentences.put_right(_sites(suspects)))


def _question(asked: Backward, suspects: Sequence[Suspect]) -> Question:
    return asked.counting(_repair(suspects))


def _repair(suspects: Sequence[Suspect]) -> Repair:
    return functools.reduce(operator.or_, (suspect.repair for suspect in suspects), Repair())


def _sites(suspects: Sequence[Suspect]) -> list[Site]:
    return [site for suspect in suspects for site in suspect.sites]


def _blind(suspects: Sequence[Suspect]) -> set[Site]:
    """Return the calls that pass on the same whatever they get: nothing, or the reference's gradients."""
    nothing = [one for one in suspects if one.rows and all(row.gradient.missing for row in one.rows)]
    return {*_sites(nothing), *_repair(suspects).severed}


def _ends_in(asked: Backward, suspect: Suspect, blind: Collection[Site]) -> bool:
    """Tell whether all that a suspect gets wrong goes to calls that pass on the same whatever they get."""

    def ends(row: PulledAt) -> bool:
        around = asked.trace.chain(Site(row.site))
        reached = around if row.part == "output" else around[1:2]
        return row.part != "state" and not set(reached).isdisjoint(blind)

    return bool(suspect.rows) and all(map(ends, suspect.rows))
