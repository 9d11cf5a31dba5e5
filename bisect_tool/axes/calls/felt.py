"""Whether the target feels what is wrong: alone put right it agrees, and with all else put right it diverges."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.regions import Pass, chain
from bisect_tool.culprit import WrongCode, WrongLoss, WrongWrites, held_by
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.proof import Proof, agrees, diverges
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels
from bisect_tool.sites import Site


@dataclasses.dataclass(frozen=True)
class Felt:
    """The culprits with what the target makes of them, and what that leaves open, in words."""

    culprits: tuple[WrongCode, ...]
    open_ends: tuple[str, ...] = ()


def with_target(case: Case, culprits: Sequence[WrongCode], last: Pass) -> Felt:
    """Ask what the target makes of each culprit. ``last`` is the pass at the reference's own weights.

    Where the target diverges, and does so still with all culprits put right, there is more than was found.
    """
    unasked = tuple(c if isinstance(c, WrongLoss) else dataclasses.replace(c, felt=False) for c in culprits)
    verdict = Verdict.UNRESOLVED if case.target is None else case.question.verdict(case.base)
    if verdict is Verdict.AGREES:
        return Felt(tuple(dataclasses.replace(culprit, unfelt=not culprit.felt) for culprit in unasked))
    if verdict is Verdict.UNRESOLVED or any(_is_step_itself(culprit) for culprit in culprits):
        return Felt(unasked)  # nothing that is put right in the layers makes the code of step right
    if not held_by(culprits):
        return Felt(unasked, (calls.DIVERGES_UNEXPLAINED,))
    question, held = case.question, set(held_by(culprits))
    what = labels.these(len(culprits), [*held_by(culprits)])
    healed = _left_to_the_port(question, last, f"{what} alone", set(last.rows) - held)
    if healed.failure is not None:
        return Felt(unasked, (calls.fails(labels.CULPRITS_HELD, healed.failure),))
    sufficient = question.proof(f"{what} alone patched", healed)
    if not agrees(sufficient):
        return Felt(unasked, (calls.HELD_IS_NOT_ENOUGH,) if all(c.confirmed for c in unasked) else ())
    return Felt(tuple(_asked(question, last, culprit, held, sufficient) for culprit in unasked))


def _is_step_itself(culprit: WrongCode) -> bool:
    """Tell whether a culprit makes the targets wrong with all layers put right; what is left in buffers makes none wrong."""
    return not culprit.held and not isinstance(culprit, WrongWrites)


def _asked(question: Question, last: Pass, culprit: WrongCode, held: set[Site], sufficient: Proof) -> WrongCode:
    """Return a culprit with its two proofs, where the target diverges with all that comes before it put right."""
    first = next((site for site in last.rows if site in culprit.held), None)
    if first is None:
        return culprit
    before = _before(last, first) - last.dissolved
    others = held - set(culprit.held)
    loose = set(last.rows) - before - others
    reading = _left_to_the_port(question, last, labels.before(first), loose)
    necessary = question.proof(f"{labels.before(first)} patched", reading)
    if not diverges(necessary):
        return dataclasses.replace(culprit, unfelt=agrees(necessary))
    return dataclasses.replace(culprit, felt=True, sufficient=sufficient, necessary=necessary)


def _before(last: Pass, first: Site) -> set[Site]:
    """Return the calls that are over before one begins."""
    around = set(chain(last.rows, first))
    rows = list(last.rows)
    return {site for site in rows[: rows.index(first)] if site not in around}


def _left_to_the_port(question: Question, last: Pass, what: str, loose: set[Site]) -> Reading:
    """Run with every call put right but some, which are the port's own."""
    intervention = question.base.forcing(loose)
    return question.run(intervention, "confirm", what, patched=len(last.rows) - len(loose), verdict=question.verdict)
