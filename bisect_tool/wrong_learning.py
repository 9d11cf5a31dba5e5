"""What makes a port learn otherwise although its values are right: a backward pass, parameters left out, the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bisect_tool.culprit import Culprit, Enough, Kind
from bisect_tool.sentences import blame, evidence
from bisect_tool.sentences.blame import Asked, Blame
from bisect_tool.sites import STEP, Site


@dataclass(frozen=True, kw_only=True)
class WrongBackward(Culprit):
    """Code that passes other gradients on, although its values are right.

    ``inside``: calls whose code is part of it, since they are written otherwise in the port and could not be taken apart.
    ``either``: what one of ``sites`` does may be meant for another, so that a fault lies in one of them at least.
    """

    inside: tuple[Site, ...] = ()
    either: bool = False

    kind: ClassVar[Kind] = "gradient"
    necessary_is_enough: ClassVar[Enough] = "unfelt"  # gradients are off that were not asked about

    @property
    def blamed(self) -> Blame:
        """Blame the code, at its line where that is known."""
        lines = self.line.places if self.line else ()
        after = self.sites[0] == STEP
        return blame.backward(self.sites, lines, self.inside, after_the_layers=after, either=self.either)

    def evidence(self, asked: Asked) -> str:
        """Say that the backward pass is wrong, and whether the target of gradients shows it."""
        return evidence.backward_is_wrong(None if self.felt else asked.gradient)


class Untrained(WrongBackward):
    """Parameters that no gradient reaches."""

    def evidence(self, asked: Asked) -> str:
        """Say whether the target of gradients shows it."""
        return evidence.untrained(None if self.felt else asked.gradient)


class Frozen(Untrained):
    """Parameters that take no gradient in the port."""

    @property
    def blamed(self) -> Blame:
        """Blame the parameters."""
        return blame.frozen(self.sites)


class Unregistered(Untrained):
    """Parameters that the port does not have among its own, so that nothing trains them."""

    @property
    def blamed(self) -> Blame:
        """Blame the parameters."""
        return blame.unregistered(self.sites)


@dataclass(frozen=True, kw_only=True)
class Untied(Untrained):
    """Parameters that the reference ties to another one, its ``first``, and that the port holds apart."""

    first: Site

    @property
    def blamed(self) -> Blame:
        """Blame the parameters."""
        return blame.untied(self.sites, self.first)


class WrongStep(Culprit):
    """A mistake in the optimizer's step, which its first finding describes."""

    kind: ClassVar[Kind] = "step"
    necessary_is_enough: ClassVar[Enough] = "always"  # there is nothing to patch: the parameters are off after the step

    @property
    def blamed(self) -> Blame:
        """Blame the step; the finding says all."""
        return blame.step(self.findings[0].message)

    def evidence(self, _asked: Asked) -> str:
        """Say nothing more: the finding has the numbers."""
        return ""
