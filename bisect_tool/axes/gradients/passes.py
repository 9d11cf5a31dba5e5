"""Whole backward passes of the port, with some of it put right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, fields

from bisect_tool.axes.gradients.targets import allowed, gradient_question, reference_rms
from bisect_tool.captures.manifest import Gradients
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import STEP, Site


@dataclass(frozen=True)
class Repair:
    """What is put right in a whole backward pass.

    Attributes: ``severed`` calls have their own code pass the reference's gradients on, whatever it gets; ``corrected`` ones do
    if they get the reference's, and show what is off in these; ``pulled`` ones get the reference's gradient at their output;
    ``thawed`` parameters take gradients though the port froze them; of ``tied`` pairs that the port
    holds apart, the second is given the gradient of the first too; ``given`` are parameters that the port does not have, which
    are only counted as right.
    """

    severed: frozenset[Site] = frozenset()
    corrected: frozenset[Site] = frozenset()
    pulled: frozenset[Site] = frozenset()
    thawed: frozenset[Site] = frozenset()
    tied: frozenset[tuple[Site, Site]] = frozenset()
    given: frozenset[Site] = frozenset()

    def __or__(self, other: Repair) -> Repair:
        """Return both together."""
        return Repair(*(getattr(self, field.name) | getattr(other, field.name) for field in fields(self)))


def of_calls(trace: Trace, owners: Iterable[Site]) -> Repair:
    """Return what makes the own code of some calls pass the reference's gradients on; of ``step``: all that it calls get them."""
    among = frozenset(owners)
    pulled = trace.outermost(trace.sites) if STEP in among else frozenset()
    return Repair(severed=among & trace.members, pulled=pulled)


@dataclass(frozen=True)
class Backward:
    """What backward passes are asked about.

    Attributes: ``question`` judges the target of gradients; ``wrong`` are the calls that are wrong on the way forward already,
    which are put right in every pass, and not judged. ``unpaired`` are parameters whose gradients are not known, and count as
    right; ``gradients`` has none of them.
    """

    question: Question
    trace: Trace
    pair: Pair
    gradients: Gradients
    wrong: frozenset[Site] = frozenset()
    unpaired: frozenset[str] = frozenset()

    def counting(self, repair: Repair) -> Question:
        """Return the question once that is put right: a gradient that was given to another parameter is not counted twice."""
        copies = frozenset(copy for copy, _ in repair.tied)
        return gradient_question(self.question, self.pair.reference, repair.given, copies | self.unpaired)

    def unpaired_in(self, owner: Site) -> list[str]:
        """Return the parameters of a call whose gradients are not known."""
        entry = self.gradients.sites.get(owner)
        return [] if entry is None else [name for name in entry.state if name in self.unpaired]

    def off(self, reading: Reading) -> list[str]:
        """Return the parameters whose gradients are off by more than they may be."""
        return [name for name in self.gradients.parameters if self._is_off(name, reading)]

    def _is_off(self, name: str, reading: Reading) -> bool:
        row = reading.gradients.get(name)
        if row is None:
            return bool(reference_rms(self.pair.reference, self.gradients, name))
        return row.exceeds(allowed(self.pair.reference, self.gradients, name))


def whole_pass(asked: Backward, repair: Repair, what: str) -> Reading:
    """Run a whole backward pass, with the reference's values on the way forward, and judge the gradients."""
    repair |= of_calls(asked.trace, asked.wrong)
    question = asked.counting(repair)
    intervention = dataclasses.replace(
        question.base,
        backward="whole",
        straight=asked.trace.members,
        pulled=repair.pulled,
        severed=repair.severed,
        corrected=repair.corrected,
        thawed=repair.thawed,
        tied=repair.tied,
    )
    patched = len(repair.severed | repair.corrected | repair.pulled)
    return question.run(intervention, "backward", what, patched=patched, verdict=question.verdict)


def own_pass(asked: Backward, patched: Iterable[Site] = (), what: str = sentences.AS_IT_IS) -> Reading:
    """Run a whole backward pass with the port's own values, but for some parameters; nothing is judged."""
    sites = frozenset(patched)
    return asked.question.run(Intervention(sites, backward="own"), "backward", what, patched=len(sites))
