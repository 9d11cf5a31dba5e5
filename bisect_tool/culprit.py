"""What is to blame: one small class for each kind, which knows its sentence and its rule of proof."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.finding import Finding
from bisect_tool.questions.proof import Proof, agrees, diverges
from bisect_tool.sentences import blame, evidence
from bisect_tool.sentences.blame import Asked, Blame
from bisect_tool.sentences.evidence import StartShows
from bisect_tool.sites import STEP, Site, variable_of

Kind = Literal["code", "values", "gradient", "step"]


@dataclass(frozen=True)
class Line:
    """Where a variable is assigned on both sides: some lines of source around each, where they are known.

    ``unclear`` are the port's lines before it that it rests on, and that nothing clears: the fault may lie there too.
    ``does`` says what the line does, where that is not to assign the variable.
    """

    reference: Excerpt | None
    port: Excerpt | None
    unclear: tuple[str, ...] = ()
    does: str | None = None

    @property
    def place(self) -> str | None:
        """Return the port's line, spelled ``file:number``."""
        return None if self.port is None else f"{self.port.file}:{self.port.line}"

    @property
    def places(self) -> list[str]:
        """Return the port's line together with those that are unclear, none where it is not known."""
        return [] if self.place is None else [*self.unclear, self.place]


@dataclass(frozen=True, kw_only=True)
class Culprit:
    """What is to blame, in the reference's names.

    Attributes:
        sites: what is named.
        sufficient, necessary: the two probes; None where one could not be run.
        findings: what is wrong, in words.
        doubts: what keeps the probes from proving it, in words; a culprit in doubt is never confirmed.
        felt: whether what was asked about is known to show it; where it is not, its own output is the proof.
        unfelt: whether it was asked, and does not show it.
        line: where a variable is assigned that is to blame, or makes a module's own code wrong.

    """

    kind: ClassVar[Kind]
    sites: tuple[Site, ...]
    sufficient: Proof | None = None
    necessary: Proof | None = None
    findings: tuple[Finding, ...] = ()
    doubts: tuple[str, ...] = ()
    felt: bool = True
    unfelt: bool = False
    line: Line | None = None

    @property
    def held(self) -> tuple[Site, ...]:
        """Return what is patched to heal it."""
        return self.sites

    @property
    def confirmed(self) -> bool:
        """Tell whether the probes proved it, and all that they rest on was given or compared."""
        return not self.doubts and self.proved

    @property
    def proved(self) -> bool:
        """Tell whether the probes said what they must: alone put right it heals, and all but it put right does not."""
        return agrees(self.sufficient) and diverges(self.necessary)

    @property
    def blamed(self) -> Blame:
        """Return who is to blame, as a sentence says it."""
        return blame.calls(self.sites)

    def evidence(self, asked: Asked) -> str:
        """Return by what it shows: how the sentence ends that blames it."""
        raise NotImplementedError


def held_by(culprits: Iterable[Culprit]) -> tuple[Site, ...]:
    """Return what is patched to heal some culprits together."""
    return tuple(dict.fromkeys(site for culprit in culprits for site in culprit.held))


class WrongCode(Culprit):
    """Code that computes something else from the reference's inputs and weights."""

    kind: ClassVar[Kind] = "code"

    @property
    def proved(self) -> bool:
        """Tell whether both probes said what they must; one is enough where it is wrong from the reference's own inputs."""
        return super().proved if self.felt else diverges(self.necessary)

    def evidence(self, asked: Asked) -> str:
        """Say by which value it shows."""
        return (
            evidence.code_diverges(asked)
            if self.felt
            else evidence.code_is_wrong(asked.target if self.unfelt else None)
        )


@dataclass(frozen=True, kw_only=True)
class WrongCalls(WrongCode):
    """Calls that are wrong by themselves; ``leaves``: the buffers that are, where all values that they give are right."""

    leaves: tuple[Site, ...] = ()

    def evidence(self, asked: Asked) -> str:
        """Say by which value it shows, or by which buffers."""
        if self.felt or not self.leaves:
            return super().evidence(asked)
        return evidence.buffers_are_wrong(self.leaves, asked.target if self.unfelt else None)


@dataclass(frozen=True, kw_only=True)
class WrongCaller(WrongCode):
    """The own code of containers, or of ``step``, which hand the calls ``feeds`` other inputs than the reference's."""

    feeds: tuple[Site, ...]
    gives: tuple[Site, ...] = ()

    @property
    def held(self) -> tuple[Site, ...]:
        """Return the calls that are fed wrongly: patched, they hide what they were handed; and itself, if its output is off."""
        return (*self.feeds, *self.gives)

    @property
    def blamed(self) -> Blame:
        """Blame the code around the layers where that is what hands them on."""
        return blame.step_code() if self.sites == (STEP,) else blame.calls(self.sites)


@dataclass(frozen=True, kw_only=True)
class WrongRegion(WrongCode):
    """Code of several ``pieces`` that values cannot tell apart, or the one of them that is left.

    Attributes: ``pieces`` of the first of ``sites``, those of the others being of the same kinds; ``shown_at``, the calls at which
    it shows.
    """

    pieces: tuple[Site, ...]
    shown_at: tuple[Site, ...]

    @property
    def held(self) -> tuple[Site, ...]:
        """Return the calls at which it shows."""
        return self.shown_at

    @property
    def blamed(self) -> Blame:
        """Blame the code of the calls that it shows at, or of the pieces that are left."""
        return blame.region(self.sites, self.pieces)


class AfterTheLayers(WrongCode):
    """Code that computes the targets from the layers' outputs."""


class WrongLoss(AfterTheLayers):
    """All of the code after the last layer: nothing in it could be patched, and one probe is the proof."""

    @property
    def held(self) -> tuple[Site, ...]:
        """Return nothing: there is no call to patch."""
        return ()

    @property
    def proved(self) -> bool:
        """Tell whether the target diverges from perfect layers."""
        return diverges(self.necessary)

    @property
    def blamed(self) -> Blame:
        """Blame the loss, at its lines where they are known."""
        return blame.loss(self.line.places if self.line else ())


@dataclass(frozen=True, kw_only=True)
class WrongWrites(WrongCode):
    """The code of ``step`` that ``leaves`` other values in buffers, when all calls are over."""

    leaves: tuple[Site, ...]

    @property
    def held(self) -> tuple[Site, ...]:
        """Return nothing: there is no call to patch."""
        return ()

    @property
    def blamed(self) -> Blame:
        """Blame what ``step`` does itself."""
        return blame.step_code()

    def evidence(self, asked: Asked) -> str:
        """Say by which buffers it shows."""
        return evidence.buffers_are_wrong(self.leaves, asked.target if self.unfelt else None)


class WrongLine(AfterTheLayers):
    """One line of plain code, by the variables that it assigns."""

    @property
    def blamed(self) -> Blame:
        """Blame the line, and what it rests on that nothing clears."""
        variables = list(dict.fromkeys(variable_of(site) for site in self.sites))
        if self.line is None:
            return blame.line(None, variables, None, ())
        return blame.line(self.line.place, variables, self.line.does, self.line.unclear)


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
    """Initial values that are not the reference's at any of its seeds: its own initialisations are the proof.

    ``shows`` says what is otherwise.
    """

    shows: StartShows

    @property
    def proved(self) -> bool:
        """Tell whether the reference's initialisations speak against it."""
        return diverges(self.necessary)

    def evidence(self, asked: Asked) -> str:
        """Say in what they differ from the reference's at every seed."""
        return evidence.start_is_other(self.shows, asked.target if self.unfelt else None)


class SilencingStart(WrongStart):
    """Initial values that keep the gradient from other parameters."""

    def evidence(self, _asked: Asked) -> str:
        """Say that others get no gradient."""
        return evidence.start_silences()


class WrongBackward(Culprit):
    """Code that passes other gradients on, although its values are right."""

    kind: ClassVar[Kind] = "gradient"

    @property
    def proved(self) -> bool:
        """Tell whether both probes said what they must; one is enough where gradients are off that were not asked about."""
        return super().proved if self.felt else diverges(self.necessary)

    @property
    def blamed(self) -> Blame:
        """Blame the code, at its line where that is known."""
        lines = self.line.places if self.line else ()
        return blame.backward(self.sites, lines, after_the_layers=self.sites[0] == STEP)

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

    @property
    def proved(self) -> bool:
        """Tell whether the parameters are off after the step: there is nothing to patch."""
        return diverges(self.necessary)

    @property
    def blamed(self) -> Blame:
        """Blame the step; the finding says all."""
        return blame.step(self.findings[0].message)

    def evidence(self, _asked: Asked) -> str:
        """Say nothing more: the finding has the numbers."""
        return ""
