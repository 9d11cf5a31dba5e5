"""The log of all probes: each is asked once, whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.crash import Crash
from bisect_tool.questions.stop import Stop, Stopped
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import limits


@dataclass(frozen=True)
class LoggedProbe:
    """One probe as the report shows it.

    Attributes: ``phase`` and ``what`` say what for; ``patched`` sites; the ``quantity`` that is looked at, its ``value``, and the
    ``verdict`` on it (None: the probe only observes); ``share`` is how much of the port's module calls it computed; ``detail`` is
    the traceback behind a ``failure``; ``left``: how many calls a forced pass left to the port (None: it is no forced pass).
    """

    phase: str
    what: str
    patched: int
    quantity: str
    value: float | None
    verdict: Verdict | None
    seconds: float
    share: float
    kernels: int | None
    failure: str | None
    detail: str = ""
    left: int | None = None


@dataclass
class Bound:
    """How many probes one axis may take ``at_most``, as it announced, and how many it ``took``."""

    at_most: int
    took: int = 0


@dataclass
class ProbeLog:
    """Every probe asked, in order, each once.

    Attributes: ``rows``, ``readings`` by intervention, ``full`` (module calls of a whole run, once known), ``bounds`` that were
    announced; ``on_row`` and ``on_bound`` are told of each; ``stop`` says when nothing more may be asked; ``crash`` where the port
    raises as it is, so that it is asked as far as it runs.
    """

    rows: list[LoggedProbe] = field(default_factory=list)
    readings: dict[Intervention, Reading] = field(default_factory=dict)
    full: int = 0
    on_row: Callable[[LoggedProbe], None] = lambda _row: None
    bounds: list[Bound] = field(default_factory=list)
    on_bound: Callable[[int], None] = lambda _at_most: None
    stop: Stop = field(default_factory=Stop)
    crash: Crash | None = None
    _bound: Bound | None = None

    def run(
        self,
        port: Port,
        intervention: Intervention,
        *,
        phase: str,
        what: str,
        patched: int,
        quantity: str,
        value: Callable[[Reading], float | None],
        verdict: Callable[[Reading], Verdict] | None = None,
    ) -> Reading:
        """Run one probe and note it; one that was asked before is neither run nor noted again.

        Raises Stopped where nothing more may be asked.
        """
        if intervention in self.readings:
            return self.readings[intervention]
        self._count_one()
        asked = port.run(intervention)
        reading = self.crash.usable(intervention, asked) if self.crash else asked
        self.readings[intervention] = reading
        self.full = self.full or len(reading.calls)
        row = LoggedProbe(
            phase, what, patched, quantity,
            value(reading),
            None if verdict is None else verdict(reading),
            reading.seconds,
            len(reading.calls) / max(self.full, 1),
            reading.kernels,
            asked.failure,
            asked.detail,
            None if intervention.dissolved is None else len(intervention.dissolved),
        )  # fmt: skip
        self.rows.append(row)
        self.on_row(row)
        return reading

    def ask_as_far_as_it_runs(self, intervention: Intervention, reading: Reading) -> Reading:
        """Take a reading in which the port raised for what it does however it is asked; return it as one that can be used."""
        self.crash = Crash.of(reading)
        if self.crash is not None:
            self.readings[intervention] = self.crash.usable(intervention, reading)
        return self.readings[intervention]

    def announce(self, at_most: int) -> None:
        """Promise that the axis at work takes no more probes than that from here on; one more ends it."""
        self._bound = Bound(at_most)
        self.bounds.append(self._bound)
        self.on_bound(at_most)

    def lift(self) -> None:
        """Forget the promise: the axis that gave it is through."""
        self._bound = None

    def _count_one(self) -> None:
        self.stop.check()
        if self._bound is not None:
            if self._bound.took >= self._bound.at_most:
                raise self._beyond(self._bound)
            self._bound.took += 1

    def _beyond(self, bound: Bound) -> Exception:
        """Return what ends an axis that would take more probes than it announced."""
        return Stopped(limits.bound_reached(bound.at_most))

    def count(self, *phases: str) -> int:
        """Return how many probes the given phases took."""
        return sum(1 for row in self.rows if row.phase in phases)

    def passes(self, *phases: str) -> float:
        """Return what the given phases cost, in forward passes of the port."""
        return sum(row.share for row in self.rows if row.phase in phases)
