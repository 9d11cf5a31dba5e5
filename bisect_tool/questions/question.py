"""A question about a port: whether a quantity lies where it may, in runs on top of one base.

*With the reference's weights, does the code compute the same?* and *with its own weights, does it start the
same?* are never mixed: each hides the other's faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site


@dataclass(frozen=True)
class Question:
    """A verdict on readings: whether ``target`` lies in ``interval``.

    Attributes:
        name: "code", "start" or "gradients".
        base: what is patched in every probe of this question.
        measure: how the target is read off a reading, where it is not one of the scalars that ``step`` returned.
        quantity: what the target is called in proofs and in the log, where not by its name.

    """

    name: str
    port: Port
    log: ProbeLog
    target: str
    interval: Interval
    base: Intervention
    measure: Callable[[Reading], float | None] | None = None
    quantity: str = ""

    def ask(self, phase: str, what: str, patched: Iterable[Site] = ()) -> Reading:
        """Run one probe on top of the base, and note its verdict."""
        sites = frozenset(patched)
        return self.run(self.base.patching(sites), phase, what, patched=len(sites), verdict=self.verdict)

    def run(
        self,
        intervention: Intervention,
        phase: str,
        what: str,
        *,
        patched: int,
        verdict: Callable[[Reading], Verdict] | None = None,
    ) -> Reading:
        """Run one probe and note it, with a verdict where there is one."""
        return self.log.run(
            self.port,
            intervention,
            phase=phase,
            what=what,
            patched=patched,
            quantity=self.quantity or self.target,
            value=self.value,
            verdict=verdict,
        )

    def test(self, phase: str, what: str, patched: Iterable[Site] = ()) -> Verdict:
        """Run one probe and return its verdict."""
        return self.verdict(self.ask(phase, what, patched))

    def value(self, reading: Reading) -> float | None:
        """Return the target's value in a reading, None where it has none."""
        return reading.targets.get(self.target) if self.measure is None else self.measure(reading)

    def verdict(self, reading: Reading) -> Verdict:
        """Judge a reading."""
        return judged(reading, self.value(reading), self.interval)

    def proof(self, what: str, reading: Reading) -> Proof:
        """Return what a reading proves; ``what`` says what was put right in it."""
        return Proof(what, self.verdict(reading), self.quantity or self.target, self.value(reading))


def judged(reading: Reading, value: float | None, interval: Interval) -> Verdict:
    """Tell whether a value of a reading lies in an interval, where there is one."""
    if reading.failure is not None or value is None:
        return Verdict.UNRESOLVED
    return Verdict.AGREES if interval.holds(value) else Verdict.DIVERGES


def verdict_on(reading: Reading, target: str, interval: Interval) -> Verdict:
    """Tell whether one of the scalars that ``step`` returned lies in an interval."""
    return judged(reading, reading.targets.get(target), interval)
