"""A case in which the axes have answered, of which a report is made without a process."""

from __future__ import annotations

from typing import Any

from manifests import described, module, tensor
from simulated_case import BarePort, case_of

from bisect_tool.axes.axis import Answer, Case
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.captures.described import Described
from bisect_tool.culprit import Culprit, WrongCalls
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_start import WrongStart

CALLS = tuple(map(Site, ("a", "b", "c")))
STATE = tuple(map(Site, ("a.w", "b.w", "c.w")))
MODEL = described([module(name) for name in CALLS], [tensor(name) for name in STATE])
HEALED = Proof("it alone patched", Verdict.AGREES, "loss", 1.0)
ILL = Proof("everything before it patched", Verdict.DIVERGES, "loss", 2.0)
START = Interval(0.5, 1.5, 1.0, "the spread")


class ConstantPort(BarePort):
    """A port whose loss is one number with its own weights, and one with the reference's; None: it does not run."""

    def __init__(self, own: float | None = 1.0, base: float | None = 1.0) -> None:
        super().__init__()
        self.own, self.base = own, base
        self.described = Described.model_validate(MODEL)

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        value = self.base if intervention.patched else self.own
        return (
            Reading(failure="killed")
            if value is None
            else Reading({"loss": value}, calls=tuple((c, ()) for c in CALLS))
        )


JUDGED = Judged(compared=CALLS, innocent=frozenset({STEP, *CALLS}))


def case(
    *culprits: Culprit,
    own: float | None = 1.0,
    base: float | None = 1.0,
    state: tuple[Site, ...] = STATE,
    target: str | None = "loss",
    start: Interval | None = None,
    start_answer: Answer = Answer(),
    model: dict[str, Any] = MODEL,
    **answers: Answer,
) -> Case:
    """Return a case in which the axes have answered; the culprits are what the calls' axis blames."""
    trace = Trace(CALLS, dict.fromkeys(CALLS), {}, {}, 2e-5, {})
    known = {"calls": CallsAnswer(culprits=culprits, judged=JUDGED), "start": start_answer, **answers}
    return case_of(
        ConstantPort(own, base), trace=trace, state=state, target=target, start=start, answers=known, described=model
    )


def code(*sites: str, proved: bool = True, **fields: Any) -> WrongCalls:
    """Return calls that are to blame, proved or with one probe missing."""
    return WrongCalls(sites=tuple(map(Site, sites)), sufficient=HEALED if proved else None, necessary=ILL, **fields)


def wrong_start(*sites: str) -> WrongStart:
    """Return initial values that are to blame."""
    return WrongStart(sites=tuple(map(Site, sites)), sufficient=HEALED, necessary=ILL)
