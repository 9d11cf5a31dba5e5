"""Initial values that are to blame: one small class for each way in which they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bisect_tool.culprit import Culprit, Enough, Kind
from bisect_tool.sentences import blame, evidence
from bisect_tool.sentences.blame import Asked, Blame
from bisect_tool.sentences.evidence import StartShows


class WrongStart(Culprit):
    """Parameters or buffers that start with other values, and so make the target start elsewhere."""

    kind: ClassVar[Kind] = "values"

    @property
    def blamed(self) -> Blame:
        """Blame the initial values."""
        return blame.initial_values(self.sites)

    def evidence(self, asked: Asked) -> str:
        """Say where the target starts that shows it."""
        target = next((p.quantity for p in (self.sufficient, self.necessary) if p is not None and p.quantity), "")
        return evidence.start_diverges(target, *asked.own[target]) if target in asked.own else ""


@dataclass(frozen=True, kw_only=True)
class OtherStart(WrongStart):
    """Initial values that are not the reference's at any of its seeds; ``shows`` says what is otherwise."""

    necessary_is_enough: ClassVar[Enough] = "always"  # the reference's own initialisations speak against it
    shows: StartShows

    def evidence(self, asked: Asked) -> str:
        """Say in what they differ from the reference's at every seed."""
        return evidence.start_is_other(self.shows, asked.target if self.unfelt else None)


class SilencingStart(WrongStart):
    """Initial values that keep the gradient from other parameters."""

    def evidence(self, _asked: Asked) -> str:
        """Say that others get no gradient."""
        return evidence.start_silences()
