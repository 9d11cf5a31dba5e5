"""The report as a typed object: what ``run`` saves, ``--json`` prints and renderers draw."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from bisect_tool.captures.described import Count
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.culprit import Kind
from bisect_tool.report.parts import CensusRow, GradientData, Number, Part, Probes, Verdict

FORMAT: Literal[4] = 4
EXIT_CODES = {"agrees": 0, "diverges": 1, "inconclusive": 3}
Answered = Literal["agrees", "diverges", "inconclusive"]  # of a run
QuestionName = Literal["code", "start"]


class ModelNames(Part):
    """Framework and version of both sides."""

    reference: str
    port: str


class Range(Part):
    """A target's value under one question, and where it may lie (None: that is not known)."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None
    centre: Number | None = None
    origin: str | None = None


class TargetValues(Part):
    """One target on both sides: the port's with its own weights, and with the reference's."""

    reference: Number
    port: Number | None
    port_with_reference_weights: Number | None


class FindingData(Part):
    """What differs or is wrong, in words; ``check`` is the name of what found it."""

    check: str
    sites: tuple[str, ...]
    message: str


class ProofData(Part):
    """A probe that speaks for or against a culprit: what was put right, and what the quantity became."""

    what: str
    quantity: str | None
    value: Number | None
    verdict: Verdict


class MarkData(Part):
    """An expression: ``span`` is its line, column, last line and the column after it, columns in bytes of UTF-8."""

    span: tuple[Count, Count, Count, Count]
    text: str


class LineData(Part):
    """Where a line stands on both sides; ``unclear`` are the port's lines that it rests on, and that nothing clears.

    The marks are the expressions in it that make another value of right ones.
    """

    reference: Excerpt | None
    port: Excerpt | None
    unclear: tuple[str, ...]
    reference_marks: tuple[MarkData, ...] = ()
    port_marks: tuple[MarkData, ...] = ()


class CulpritData(Part):
    """What is to blame. ``confirmed`` tells whether it is proved, ``status`` how, in words; ``felt`` whether a target shows it."""

    kind: Kind
    sites: tuple[str, ...]
    confirmed: bool
    status: str
    felt: bool
    findings: tuple[FindingData, ...]
    sufficient: ProofData | None
    necessary: ProofData | None
    line: LineData | None


class Report(Part):
    """What a run found, and all that it rests on.

    Attributes:
        verdict, sentence: the answer.
        target: what was asked about (None: every call by itself), with the ``reference``'s value and the ``port``'s that differs.
        questions: "code" (the reference's weights) and "start" (its own), each with where the target may lie.
        culprits, open_ends, ruled_out: what is to blame, what could not be settled, who is innocent.
        preflight, census, sizes: what differs before any run.
        notes: what else there is to say, what was not asked included.

    """

    format: Literal[4] = FORMAT
    verdict: Answered
    sentence: str
    recipe: str
    models: ModelNames
    options: dict[str, Any] = Field(default_factory=dict)
    target: str | None
    reference: Number | None
    port: Number | None
    questions: dict[QuestionName, Range]
    targets: dict[str, TargetValues]
    culprits: tuple[CulpritData, ...]
    open_ends: tuple[str, ...]
    ruled_out: tuple[str, ...]
    preflight: tuple[FindingData, ...]
    census: tuple[CensusRow, ...]
    gradients: GradientData | None
    sizes: tuple[str, ...]
    notes: tuple[str, ...]
    probes: Probes

    @property
    def exit_code(self) -> int:
        """Return what a command ends with that gives this answer."""
        return EXIT_CODES[self.verdict]
