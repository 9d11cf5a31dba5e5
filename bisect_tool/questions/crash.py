"""A port that raises however it is asked: it is asked as far as it runs, and its targets stay unknown."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Failed, Reading


@dataclass(frozen=True)
class Crash:
    """Where the port as it is raises: ``failed`` says how, ``calls`` which calls it came through before, ``words`` all of it."""

    failed: Failed
    calls: frozenset[str]
    words: str

    @classmethod
    def of(cls, reading: Reading) -> Crash | None:
        """Return the crash that a reading shows, None where it shows none."""
        if reading.failed is None:
            return None
        return cls(reading.failed, frozenset(call for call, _ in reading.calls), reading.failure or "")

    def usable(self, intervention: Intervention, reading: Reading) -> Reading:
        """Return a reading of a run that raised as one that says what it says, but for targets, of which it has none.

        One that compares less than the port as it is came through is returned as it is: no answer.
        """
        if reading.failed is None:
            return reading
        missed = (intervention.watched & self.calls) - reading.watched.keys()
        return reading if missed or intervention.backward else dataclasses.replace(reading, failure=None)
