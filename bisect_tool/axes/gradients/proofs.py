"""Whole backward passes that prove who makes gradients wrong.

Gradients are linear, so that what a call's code lacks of the reference's can be added to what it passes on: it is right then,
and what is off before it still shows. *Sufficient*: with so much added to all culprits, every gradient agrees. *Necessary*:
without what is added to one of them, they do not.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import replace

from bisect_tool.axes.gradients.passes import Backward, Repair, whole_pass
from bisect_tool.axes.gradients.suspects import Suspect
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.proof import Proof, agrees
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import WrongBackward


def proved(asked: Backward, suspects: Sequence[Suspect]) -> tuple[WrongBackward, ...]:
    """Return the suspects as culprits with their two probes."""
    sufficient = _passing_on(asked, suspects) if suspects else None
    return tuple(_with_proofs(asked, one, suspects, sufficient) for one in suspects)


def _with_proofs(
    asked: Backward, suspect: Suspect, needed: Sequence[Suspect], sufficient: Proof | None
) -> WrongBackward:
    others = [other for other in needed if other is not suspect]
    before, words = pass_with(asked, others), sentences.only_wrong(_sites(others))
    necessary, off = _question(asked, others).proof(words, before), asked.off(before)
    if off and agrees(necessary):
        necessary = Proof(sentences.also_off(words, off), Verdict.DIVERGES)
        return replace(suspect.culprit, necessary=necessary, felt=False)
    return replace(suspect.culprit, sufficient=sufficient, necessary=necessary)


def _passing_on(asked: Backward, suspects: Sequence[Suspect]) -> Proof:
    """Return what it proves that some suspects are put right together."""
    healed = pass_with(asked, suspects)
    return _question(asked, suspects).proof(sentences.passing_on(_sites(suspects)), healed)


def pass_with(asked: Backward, suspects: Sequence[Suspect]) -> Reading:
    """Run a whole backward pass with some suspects put right."""
    return whole_pass(asked, _repair(suspects), sentences.put_right(_sites(suspects)))


def _question(asked: Backward, suspects: Sequence[Suspect]) -> Question:
    return asked.counting(_repair(suspects))


def _repair(suspects: Sequence[Suspect]) -> Repair:
    """Return what puts some suspects right together."""
    return functools.reduce(operator.or_, (suspect.repair for suspect in suspects), Repair())


def _sites(suspects: Sequence[Suspect]) -> list[Site]:
    return [site for suspect in suspects for site in suspect.sites]
