"""A culprit: the smallest part that the probes can blame, with the pair of probes that proves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.finding import Finding
from bisect_tool.probes.reading import Reading
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site, variable_of


@dataclass(frozen=True)
class Proof:
    """One of the two probes that prove a culprit: what was patched, what the target became."""

    what: str
    value: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Line:
    """Where a variable is assigned on both sides: some lines of source around each, where they are known.

    ``unclear`` are the port's lines before it that it rests on, and that nothing clears: the fault may lie there too.
    ``words`` say what the line does, where that is not to assign the variable.
    """

    reference: Excerpt | None
    port: Excerpt | None
    unclear: tuple[str, ...] = ()
    words: str | None = None


@dataclass(frozen=True)
class Culprit:
    """What is to blame.

    Attributes:
        kind: "code", "values", "gradient" (what it computes is right, its backward pass is not) or "step" (the optimiser's).
        sites: in the reference's names.
        held: what is patched to heal it.
        fed_wrong: for a container's own code, the site whose input it gets wrong.
        sufficient, necessary: the two probes; None where one could not be run.
        findings: what is wrong, in words.
        whatever_weights: the proof is the shape of an output, which no weight changes.
        doubts: what keeps the probes from proving it, in words; a culprit in doubt is never confirmed.
        silent: the target does not show it; the proof is the layer's own output.
        line: where a variable is assigned that is to blame, or makes a module's own code wrong.

    """

    kind: str
    sites: tuple[Site, ...]
    held: tuple[Site, ...]
    fed_wrong: Site | None = None
    sufficient: Proof | None = None
    necessary: Proof | None = None
    findings: tuple[Finding, ...] = field(default_factory=tuple)
    silent: bool = False
    whatever_weights: bool = False
    doubts: tuple[str, ...] = ()
    line: Line | None = None

    @property
    def after_the_layers(self) -> bool:
        """Tell whether it lies in the code that computes the targets from the layers' outputs."""
        return self.kind == "code" and (not self.held or bool(variable_of(self.sites[0])))

    @property
    def confirmed(self) -> bool:
        """Tell whether both probes said what they must.

        One is enough of code after the last layer, and of code that is wrong from the reference's own inputs.
        """
        if self.doubts:
            return False
        if not self.held or (self.silent and self.kind != "values"):
            return self.necessary is not None and self.necessary.verdict is Verdict.DIVERGES
        return (
            self.sufficient is not None
            and self.sufficient.verdict is Verdict.AGREES
            and self.necessary is not None
            and self.necessary.verdict is Verdict.DIVERGES
        )


def proof(question_verdict: Verdict, reading: Reading, target: str, what: str) -> Proof:
    """Return a proof from a reading."""
    return Proof(what, reading.targets.get(target), question_verdict)
