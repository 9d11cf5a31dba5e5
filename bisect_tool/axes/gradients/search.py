"""Ask who makes wrong gradients: whose own code, which parameters are left out, and which initial values silence others.

The backward pass by pieces says whose own code it is; whole backward passes prove it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.gradients import known
from bisect_tool.axes.gradients.adding_up import Unsettled, unsettled
from bisect_tool.axes.gradients.fewest import fewest
from bisect_tool.axes.gradients.lines import Code, lines_not_asked, with_backward_lines
from bisect_tool.axes.gradients.partners import held_elsewhere, not_compared
from bisect_tool.axes.gradients.passes import Backward, Repair, own_pass, whole_pass
from bisect_tool.axes.gradients.pieces import Pieces, pull_pieces, right_by_pieces
from bisect_tool.axes.gradients.proofs import proved
from bisect_tool.axes.gradients.silencing import more_telling, silencing
from bisect_tool.axes.gradients.suspects import left_out, untied, wrong_calls
from bisect_tool.axes.gradients.targets import (
    ALL,
    gradient_interval,
    gradient_question,
    is_about,
    norm_of,
    reference_norm,
)
from bisect_tool.axes.gradients.together import together
from bisect_tool.axes.gradients.triage import ModuleGradients, port_kinds, reference_kinds, silent, table, who_learns
from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.culprit import Culprit
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sentences import names
from bisect_tool.sites import STEP, Site


class Norms(NamedTuple):
    """The norm of all gradients: the reference's, and the port's with the reference's weights and with its own."""

    reference: float | None = None
    port: float | None = None
    own: float | None = None


@dataclass(frozen=True, kw_only=True)
class GradientAnswer(Answer):
    """What was found of gradients.

    Attributes: ``triage`` (who gets a gradient, module by module) and what is ``said`` of it; ``norms`` of all gradients;
    ``rounded``: parameters whose gradients are outside their band by rounding that adds up; ``pulled``: calls whose backward
    pass was compared in all that it gives, and is right; ``unpaired``: parameters whose gradients are not known.
    """

    triage: tuple[ModuleGradients, ...] = ()
    said: tuple[str, ...] = ()
    norms: Norms = field(default_factory=Norms)
    rounded: tuple[str, ...] = ()
    pulled: tuple[Site, ...] = ()
    unpaired: tuple[str, ...] = ()


def _search(case: Case) -> Answer:
    """Compare gradients where the capture has any; calls that are wrong on the way forward are left out."""
    recorded = case.capture.manifest.gradients
    if recorded is None or case.target is not None:
        return Answer()
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return GradientAnswer(open_ends=(sentences.not_before_the_layers(),))
    wrong = _wrong(
        {*calls.judged.suspected, *(site for culprit in calls.culprits for site in culprit.sites)}, case.trace
    )
    elsewhere, kept = held_elsewhere(case.pair, recorded), case.forms.kept & recorded.parameters.keys()
    lost = known.unpaired(case, recorded) | elsewhere | kept
    if is_about(case.gradient_target, lost):
        return GradientAnswer(open_ends=(sentences.unpaired(sorted(lost)),))
    pair = known.without(case.pair, recorded, lost)
    gradients = pair.reference.gradients or recorded
    question = _question(case, pair.reference, gradients)
    found = _compared(case, Backward(question, case.trace, pair, gradients, frozenset(wrong), lost))
    others = lost - elsewhere - kept
    notes = [sentences.unpaired(sorted(others))] if others else []
    notes += [names.gradients_of_other_forms(sorted(kept))] if kept else []
    open_ends = not_compared(case.pair, recorded, elsewhere)
    return replace(found, open_ends=(*found.open_ends, *open_ends), notes=(*found.notes, *notes))


def _wrong(calls: Collection[Site], trace: Trace) -> set[Site]:
    """Return calls that are wrong, with those whose piece holds the code of one that is cut out of no run."""
    return {*calls, *(trace.owner(call) for call in calls if call != STEP and call not in trace.members)}


def _question(case: Case, manifest: Manifest, gradients: Gradients) -> Question:
    target = case.gradient_target or ALL
    interval = gradient_interval(manifest, gradients, target)
    question = Question("gradients", case.port, case.log, target, interval, Intervention(frozenset(case.state)))
    return gradient_question(question, manifest)


def _compared(case: Case, asked: Backward) -> GradientAnswer:
    """Compare every gradient, and find what makes them wrong."""
    whole = whole_pass(asked, Repair(), sentences.STRAIGHT)
    own = own_pass(asked)
    if own.failure is not None:
        return GradientAnswer(open_ends=(sentences.backward_fails(own.failure),))
    if whole.failure is not None:
        return GradientAnswer(open_ends=(sentences.straight_fails(whole.failure),))
    pieces = pull_pieces(asked)
    if pieces.failure is not None:
        return GradientAnswer(open_ends=(sentences.pieces_fail(pieces.failure),))
    constants = [finding for finding in case.initial if finding.kind != "fixed"]
    culprits = _culprits(asked, whole, own, pieces, constants)
    culprits = with_backward_lines(culprits, Code(asked, case.capture, pieces))
    sharper = more_telling(culprits, case.culprits)
    placed = {new for news in sharper.values() for new in news}
    triage, said = _who_learns(asked, whole, own)
    left = Unsettled() if culprits else unsettled(asked, whole, pieces)
    named = {site for culprit in culprits for site in culprit.sites}
    spared = [owner for owner in pieces.off if owner not in named | asked.wrong] if named else []
    not_shown = (sentences.not_shown(spared),) if spared else ()
    notes = (*not_shown, *lines_not_asked(culprits, case.port.capabilities))
    return GradientAnswer(
        culprits=tuple(culprit for culprit in culprits if culprit not in placed),
        sharper=sharper,
        open_ends=() if left.open_end is None else (left.open_end,),
        notes=notes if left.note is None else (left.note,),
        rounded=left.rounded,
        pulled=right_by_pieces(asked, pieces),
        triage=triage,
        said=said,
        norms=Norms(
            reference_norm(asked.pair.reference),
            norm_of(whole, asked.unpaired),
            norm_of(own, asked.unpaired),
        ),
        unpaired=tuple(sorted(asked.unpaired)),
    )


def _culprits(
    asked: Backward, whole: Reading, own: Reading, pieces: Pieces, constants: Sequence[Finding]
) -> tuple[Culprit, ...]:
    """Return who is to blame, where any gradient is off; for what is silent at the start only if all of these are proved."""
    if not asked.off(whole):
        return tuple(silencing(asked, whole, own, constants))
    others = [*left_out(asked, whole), *untied(asked, whole)]
    found = fewest(asked, [*wrong_calls(asked, pieces), *others])
    named = {site for suspect in found.suspects for site in suspect.sites}
    left = replace(pieces, off={owner: rows for owner, rows in pieces.off.items() if owner in named})
    calls = [owner for owner in left.off if owner not in asked.wrong]
    suspects = [
        *wrong_calls(asked, left, together(asked.trace, left, calls)),
        *(one for one in others if one in found.suspects),
    ]
    doubts = [*known.doubts(asked, suspects, pieces), *(() if found.told else (sentences.not_the_fewest(),))]
    culprits: list[Culprit] = [
        replace(culprit, doubts=(*culprit.doubts, *doubts)) for culprit in proved(asked, suspects)
    ]
    if all(culprit.confirmed for culprit in culprits):
        culprits += silencing(asked, whole, own, constants)
    return tuple(culprits)


def _who_learns(asked: Backward, whole: Reading, own: Reading) -> tuple[tuple[ModuleGradients, ...], tuple[str, ...]]:
    """Return who gets a gradient with the port's own weights, and what is said of it; of the reference's where that differs."""
    manifest = asked.pair.reference
    ours = reference_kinds(manifest, asked.gradients)
    theirs, straight = (port_kinds(asked.gradients, reading.gradients) for reading in (own, whole))
    said = list(who_learns(manifest, ours, theirs, "port"))
    # A call that is put right may lack what the port has elsewhere: who goes without then is not the port's doing.
    lost = asked.wrong and silent(straight) - silent(theirs)
    if silent(straight) != silent(theirs) and not lost:
        said += itertools.islice(who_learns(manifest, ours, straight, "reference"), 1)
    return tuple(table(ours, theirs)), tuple(said)


GRADIENTS = Axis("gradients", frozenset({"gradients"}), "gradients were not compared", _search)
