"""Whole backward passes that prove who makes gradients wrong.

*Sufficient*: with the reference's gradients passed on by all suspects, every gradient agrees. *Necessary*: with the other
suspects put right, and the reference's gradient at the suspect's output whatever comes after it, they do not.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import replace

from bisect_tool.axes.gradients.passes import Backward, Repair, whole_pass
from bisect_tool.axes.gradients.suspects import Suspect
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.questions.proof import Proof, agrees
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import WrongBackward


def proved(asked: Backward, suspects: Sequence[Suspect]) -> tuple[WrongBackward, ...]:
    """Return the suspects as culprits with their two probes, but for those without which every gradient agrees all the same.

    How a gradient is split between two names of one value, say, does no harm.
    """
    found = [(suspect, _with_proofs(asked, suspect, suspects)) for suspect in suspects]
    kept = [(suspect, culprit) for suspect, culprit in found if not (culprit.felt and agrees(culprit.necessary))]
    culprits = tuple(culprit for _, culprit in kept)
    if not 0 < len(kept) < len(found):
        return culprits
    among = [suspect for suspect, _ in kept]
    alone = _sufficient(asked, among)
    return tuple(replace(c, sufficient=alone) if c.sufficient and agrees(alone) else c for c in culprits)


def _with_proofs(asked: Backward, suspect: Suspect, suspects: Sequence[Suspect]) -> WrongBackward:
    others = [other for other in suspects if other is not suspect]
    sufficient = _sufficient(asked, suspects)
    pulled, before = _pass_without(asked, suspect, others)
    words = sentences.only_wrong(_sites(others), pulled)
    culprit = replace(
        suspect.culprit,
        sufficient=sufficient,
        necessary=_question(asked, others).proof(words, before),
    )
    if _stays_inside(asked, suspect, others):
        return replace(culprit, necessary=Proof(sentences.STAYS_INSIDE, Verdict.DIVERGES))
    off = asked.off(before)
    if off and agrees(culprit.necessary):
        necessary = Proof(sentences.also_off(words, off), Verdict.DIVERGES)
        return replace(culprit, sufficient=None, necessary=necessary, felt=False)
    return culprit


def _sufficient(asked: Backward, suspects: Sequence[Suspect]) -> Proof:
    """Return what it proves that some suspects are put right together."""
    healed = _pass_with(asked, suspects)
    return _question(asked, suspects).proof(sentences.passing_on(_sites(suspects)), healed)


def _pass_without(asked: Backward, suspect: Suspect, others: Sequence[Suspect]) -> tuple[list[Site], Reading]:
    """Run a pass with only one suspect wrong; return its calls that get the reference's gradient at their output, too."""
    pulled = [site for site in suspect.sites if site in suspect.repair.severed]
    before = _pass_with(asked, others, pulled)
    right = not asked.off(before) and _question(asked, others).verdict(before) is Verdict.AGREES
    if len(pulled) > 1 and right:
        # They follow one another: the reference's gradient at one's output stands for what the next one loses.
        return [], _pass_with(asked, others)
    return pulled, before


def _pass_with(asked: Backward, suspects: Sequence[Suspect], pulled: Sequence[Site] = ()) -> Reading:
    what = sentences.put_right(_sites(suspects), pulled)
    return whole_pass(asked, _repair(suspects) | Repair(pulled=frozenset(pulled)), what)


def _question(asked: Backward, suspects: Sequence[Suspect]) -> Question:
    return asked.counting(_repair(suspects))


def _repair(suspects: Sequence[Suspect]) -> Repair:
    return functools.reduce(operator.or_, (suspect.repair for suspect in suspects), Repair())


def _sites(suspects: Sequence[Suspect]) -> list[Site]:
    return [site for suspect in suspects for site in suspect.sites]


def _stays_inside(asked: Backward, suspect: Suspect, others: Sequence[Suspect]) -> bool:
    """Tell whether all that a suspect gets wrong goes to code that is put right with the others: no pass can show it."""
    severed = _repair(others).severed

    def ends(row: PulledAt) -> bool:
        around = asked.trace.chain(Site(row.site))
        reached = around if row.part == "output" else around[1:2]
        return row.part != "state" and not severed.isdisjoint(reached)

    return bool(suspect.rows) and all(map(ends, suspect.rows))
