"""Whether gradients that are a little off, where every piece is right, are so by rounding that adds up.

The band of a parameter's gradient (``targets.allowed``) is made of errors that are independent of each other, of the pieces
that lie on its way: they cancel. Those of a framework that always rounds the same way do not. If each of n pieces is off by
as much as its own floor has it, and all in the same direction, the sum is at most sqrt(n) times as much (Cauchy and Schwarz).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bisect_tool.axes.gradients.passes import Backward, Repair
from bisect_tool.axes.gradients.pieces import Pieces
from bisect_tool.axes.gradients.targets import times_allowed
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import gradients as sentences


@dataclass(frozen=True)
class Unsettled:
    """What is off although nobody is to blame, in words: an ``open_end``, or a ``note`` where rounding explains it.

    ``rounded`` are the parameters that it explains.
    """

    open_end: str | None = None
    note: str | None = None
    rounded: tuple[str, ...] = ()


def unsettled(asked: Backward, whole: Reading, pieces: Pieces) -> Unsettled:
    """Say what is off in a whole pass although nobody is to blame: parameters, or the target that is made of all of them."""
    off = {name: times_allowed(asked.pair.reference, asked.gradients, name, whole) for name in asked.off(whole)}
    found = _unsettled(asked, whole, pieces, off)
    if found.open_end is None or not asked.wrong:
        return found
    # Values that are off already may be why.
    return Unsettled(note=sentences.once_right(sentences.off_in_whole(off) if off else found.open_end))


def _unsettled(asked: Backward, whole: Reading, pieces: Pieces, off: Mapping[str, float]) -> Unsettled:
    question = asked.counting(Repair())
    if not off:
        if question.verdict(whole) is Verdict.AGREES:
            return Unsettled()
        return Unsettled(sentences.only_together(question.quantity or question.target, question.value(whole)))
    if pieces.off:
        return Unsettled(sentences.nobody_to_blame(off))
    most = math.sqrt(pieces.count)
    too_much = max(*off.values(), _off(question, whole)) > most
    uncompared = pieces.uncompared or (pieces.blind if too_much else ())
    if uncompared:
        return Unsettled(sentences.not_all_compared(off, [sentences.gradient_of(edge) for edge in uncompared]))
    if too_much:
        return Unsettled(sentences.more_than_adds_up(off, pieces.count, most))
    return Unsettled(note=sentences.adds_up(off, pieces.count, most), rounded=tuple(off))


def _off(question: Question, whole: Reading) -> float:
    """Return how far the target is off, over how far it may be."""
    value = question.value(whole)
    return math.inf if value is None else question.interval.off(value)
