"""The two questions that are asked of a port, and the log of what was asked.

*With the reference's weights, does the code compute the same?* and *with its own weights, does it start the
same?* are never mixed: each hides the other's faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site


class Port(Protocol):
    """A port of the reference model, and all that the search may ask of it.

    Every ``run`` starts from the same weights, inputs and random state, and leaves nothing behind.
    """

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe. Raises BisectError when a patch was not consumed."""
        ...

    def can_patch(self, site: str) -> bool:
        """Tell whether the reference's value can be put at a site."""
        ...


@dataclass(frozen=True)
class LogRow:
    """One probe as the report shows it; ``share`` is how much of the port's module calls it computed."""

    phase: str
    what: str
    patched: int
    value: float | None
    verdict: Verdict
    seconds: float
    share: float
    kernels: int | None
    failure: str | None


@dataclass
class ProbeLog:
    """Every probe asked, in order, each once.

    Attributes: ``rows``, ``readings`` by intervention, ``full`` (module calls of a whole run, once known), ``on_row``.
    """

    rows: list[LogRow] = field(default_factory=list)
    readings: dict[Intervention, Reading] = field(default_factory=dict)
    full: int = 0
    on_row: Callable[[LogRow], None] = lambda _row: None

    def add(self, row: LogRow) -> None:
        """Append a row and tell whoever shows progress."""
        self.rows.append(row)
        self.on_row(row)

    def count(self, *phases: str) -> int:
        """Return how many probes the given phases took."""
        return sum(1 for row in self.rows if row.phase in phases)

    def passes(self, *phases: str) -> float:
        """Return what the given phases cost, in forward passes of the port."""
        return sum(row.share for row in self.rows if row.phase in phases)


@dataclass(frozen=True)
class Question:
    """A verdict on readings: whether ``target`` lies in ``interval``.

    Attributes:
        name: "code" or "start".
        base: what is patched in every probe of this question.

    """

    name: str
    port: Port
    log: ProbeLog
    target: str
    interval: Interval
    base: Intervention

    def ask(
        self,
        phase: str,
        what: str,
        patched: Iterable[Site] = (),
        watched: Iterable[Site] = (),
        *,
        fed: Iterable[Site] = (),
        exact: Iterable[Site] = (),
        disturbed: Mapping[Site, float] | None = None,
    ) -> Reading:
        """Run one probe on top of the base and log it."""
        intervention = self.base.patching(patched).watching(watched).feeding(fed).computing_exactly(exact)
        intervention = intervention.disturbing(disturbed or {})
        return run_logged(
            self.port, self.log, intervention, phase, what, self.target, self.verdict, patched=len(frozenset(patched))
        )

    def test(self, phase: str, what: str, patched: Iterable[Site] = ()) -> Verdict:
        """Run one probe and return its verdict."""
        return self.verdict(self.ask(phase, what, tuple(patched)))

    def verdict(self, reading: Reading) -> Verdict:
        """Judge a reading."""
        return verdict_on(reading, self.target, self.interval)


def verdict_on(reading: Reading, target: str, interval: Interval) -> Verdict:
    """Tell whether a reading's target lies in an interval, where there is one."""
    value = reading.targets.get(target)
    if reading.failure is not None or value is None:
        return Verdict.UNRESOLVED
    return Verdict.AGREES if interval.holds(value) else Verdict.DIVERGES


def run_logged(
    port: Port,
    log: ProbeLog,
    intervention: Intervention,
    phase: str,
    what: str,
    target: str,
    judge: Callable[[Reading], Verdict],
    *,
    patched: int,
) -> Reading:
    """Run one probe and add it to the log; one that was asked before is neither run nor logged again."""
    if intervention in log.readings:
        return log.readings[intervention]
    reading = port.run(intervention)
    log.readings[intervention] = reading
    log.full = log.full or len(reading.calls)
    log.add(
        LogRow(
            phase,
            what,
            patched,
            reading.targets.get(target),
            judge(reading),
            reading.seconds,
            len(reading.calls) / max(log.full, 1),
            reading.kernels,
            reading.failure,
        )
    )
    return reading
