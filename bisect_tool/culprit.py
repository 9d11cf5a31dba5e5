"""What is to blame: one small class for each kind, which knows its sentence and how many probes prove it.

Here are what all have in common and the kinds of wrong code; `wrong_start` and `wrong_learning` have the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.finding import Finding
from bisect_tool.questions.proof import Proof, agrees, diverges
from bisect_tool.sentences import blame, evidence
from bisect_tool.sentences.blame import Asked, Blame
from bisect_tool.sites import STEP, Site, variable_of

Kind = Literal["code", "values", "gradient", "step"]
Enough = Literal["never", "unfelt", "always"]


@dataclass(frozen=True)
class Mark:
    """An expression: where it stands (line, column, last line, column after it, columns in bytes of UTF-8), and its text."""

    span: tuple[int, int, int, int]
    text: str


@dataclass(frozen=True)
class Line:
    """Where a variable is assigned on both sides: some lines of source around each, where they are known.

    ``unclear`` are the port's lines before it that it rests on, and that nothing clears: the fault may lie there too.
    ``does`` says what the line does, where that is not to assign the variable. The marks are the expressions in it that make another
    value of right ones.
    """

    reference: Excerpt | None
    port: Excerpt | None
    unclear: tuple[str, ...] = ()
    does: str | None = None
    reference_marks: tuple[Mark, ...] = ()
    port_marks: tuple[Mark, ...] = ()

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
        necessary_is_enough: whether ``necessary`` alone proves it; or only where it is not felt.
        sites: what is named.
        sufficient, necessary: the two probes, with it alone put right and with all but it; None where one could not be run.
        findings: what is wrong, in words.
        doubts: what keeps the probes from proving it, in words; a culprit in doubt is never confirmed.
        felt: whether what was asked about is known to show it; where it is not, its own output is the proof.
        unfelt: whether it was asked, and does not show it.
        line: where a variable is assigned that is to blame, or makes a module's own code wrong.

    """

    kind: ClassVar[Kind]
    necessary_is_enough: ClassVar[Enough] = "never"
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
        """Tell whether the probes prove it, and all that they rest on was given or compared.

        With all but it put right the port must diverge. With it alone put right it must agree, unless the first is enough.
        """
        enough = self.necessary_is_enough == "always" or (self.necessary_is_enough == "unfelt" and not self.felt)
        return not self.doubts and diverges(self.necessary) and (enough or agrees(self.sufficient))

    @property
    def lines(self) -> Sequence[str]:
        """Return the port's lines that may hold the fault, as far as they are known."""
        return self.line.places if self.line else ()

    @property
    def blamed(self) -> Blame:
        """Return who is to blame, as a sentence says it."""
        return blame.calls(self.sites, self.lines)

    def evidence(self, asked: Asked) -> str:
        """Return by what it shows: how the sentence ends that blames it."""
        raise NotImplementedError


def held_by(culprits: Iterable[Culprit]) -> tuple[Site, ...]:
    """Return what is patched to heal some culprits together."""
    return tuple(dict.fromkeys(site for culprit in culprits for site in culprit.held))


class WrongCode(Culprit):
    """Code that computes something else from the reference's inputs and weights."""

    kind: ClassVar[Kind] = "code"
    necessary_is_enough: ClassVar[Enough] = "unfelt"  # it is wrong from the reference's own inputs

    def evidence(self, asked: Asked) -> str:
        """Say by which value it shows."""
        return (
            evidence.code_diverges(asked)
            if self.felt
            else evidence.code_is_wrong(asked.target if self.unfelt else None)
        )


@dataclass(frozen=True, kw_only=True)
class WrongCalls(WrongCode):
    """Calls that are wrong by themselves.

    ``leaves``: the buffers that are, where all values that they give are right. ``unread``: their own parameters that nothing
    reads.
    """

    leaves: tuple[Site, ...] = ()
    unread: tuple[Site, ...] = ()

    def evidence(self, asked: Asked) -> str:
        """Say what they compute with instead of their own, by which value it shows, or by which buffers."""
        if self.unread:
            return evidence.computes_with_others(self.sites, self.unread, asked.target if self.unfelt else None)
        if self.felt or not self.leaves:
            return super().evidence(asked)
        return evidence.buffers_are_wrong(self.leaves, asked.target if self.unfelt else None)


@dataclass(frozen=True, kw_only=True)
class WrongCaller(WrongCode):
    """The own code of containers, or of ``step``, which hand the calls ``feeds`` other inputs than the reference's.

    ``begins_with``: the buffer or parameter that the first of these begins with otherwise, where that is what it is handed.
    """

    feeds: tuple[Site, ...]
    gives: tuple[Site, ...] = ()
    begins_with: str | None = None

    @property
    def held(self) -> tuple[Site, ...]:
        """Return the calls that are fed wrongly: patched, they hide what they were handed; and itself, if its output is off."""
        return (*self.feeds, *self.gives)

    @property
    def blamed(self) -> Blame:
        """Blame the code around the layers where that is what hands them on."""
        return blame.step_code(self.lines) if self.sites == (STEP,) else blame.calls(self.sites, self.lines)


@dataclass(frozen=True, kw_only=True)
class WrongRegion(WrongCode):
    """Code of several ``pieces`` that values cannot tell apart, or the one of them that is left.

    Attributes: ``pieces`` of the first of ``sites``, those of the others being of the same kinds; ``root``, the call around these
    whose arguments are known, and ``loose``, all whose code ran where it shows; ``shown_at``, the calls at which it shows;
    ``feeds``, the pieces that hand something wrong to calls in place, each with the first of these; ``one_sided``, those that are
    handed something which has no partner.
    """

    pieces: tuple[Site, ...]
    root: Site
    loose: frozenset[Site]
    one_sided: frozenset[Site]
    feeds: tuple[tuple[Site, Site], ...]
    shown_at: tuple[Site, ...]

    @property
    def held(self) -> tuple[Site, ...]:
        """Return the calls at which it shows."""
        return self.shown_at

    @property
    def blamed(self) -> Blame:
        """Blame the code of the calls that it shows at, or of the pieces that are left."""
        return blame.region(self.sites, self.pieces, self.lines)


class AfterTheLayers(WrongCode):
    """Code that computes the targets from the layers' outputs."""


class WrongLoss(AfterTheLayers):
    """All of the code after the last layer."""

    necessary_is_enough: ClassVar[Enough] = (
        "always"  # nothing in it could be patched: the target diverges from perfect layers
    )

    @property
    def held(self) -> tuple[Site, ...]:
        """Return nothing: there is no call to patch."""
        return ()

    @property
    def blamed(self) -> Blame:
        """Blame the loss, at its lines where they are known."""
        return blame.loss(self.lines)


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
        return blame.step_code(self.lines)

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
