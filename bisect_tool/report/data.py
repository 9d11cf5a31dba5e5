"""The report as a typed object: what ``run`` saves, ``--json`` prints and renderers draw."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.culprit import Kind

FORMAT: Literal[2] = 2
EXIT_CODES = {"agrees": 0, "diverges": 1, "inconclusive": 3}
Verdict = Literal["agrees", "diverges", "unresolved"]  # of one probe
Answered = Literal["agrees", "diverges", "inconclusive"]  # of a run
QuestionName = Literal["code", "start"]


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


Number = Annotated[float, PlainSerializer(_plain)]  # NaN and infinity as words: JSON has no such numbers


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelNames(_Part):
    """Framework and version of both sides."""

    reference: str
    port: str


class Range(_Part):
    """A target's value under one question, and where it may lie (None: that is not known)."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None
    centre: Number | None = None
    origin: str | None = None


class TargetValues(_Part):
    """One target on both sides: the port's with its own weights, and with the reference's."""

    reference: Number
    port: Number | None
    port_with_reference_weights: Number | None


class FindingData(_Part):
    """What differs or is wrong, in words; ``check`` is the name of what found it."""

    check: str
    sites: tuple[str, ...]
    message: str


class ProofData(_Part):
    """A probe that speaks for or against a culprit: what was put right, and what the quantity became."""

    what: str
    quantity: str | None
    value: Number | None
    verdict: Verdict


class LineData(_Part):
    """Where a line stands on both sides; ``unclear`` are the port's lines that it rests on, and that nothing clears."""

    reference: Excerpt | None
    port: Excerpt | None
    unclear: tuple[str, ...]


class CulpritData(_Part):
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


class Counts(_Part):
    """A number of parameters or buffers on both sides."""

    reference: int
    port: int
    difference: int


class CensusRow(_Part):
    """The parameters and buffers of one module on both sides."""

    name: str
    depth: int
    row: Literal["module", "own", "total"]
    renamed: str | None
    parameters: Counts
    buffers: Counts


class GradientCounts(_Part):
    """How many parameters get which gradient."""

    none: int
    zero: int
    tiny: int
    ordinary: int


class GradientRow(_Part):
    """Who gets a gradient among the parameters of one module, on both sides."""

    module: str
    parameters: int
    reference: GradientCounts
    port: GradientCounts
    same: bool


class Norms(_Part):
    """The norm of all gradients."""

    reference: Number | None
    port: Number | None
    port_with_reference_weights: Number | None


class GradientData(_Part):
    """What was found of gradients: of which targets, their norms, who gets one."""

    of: tuple[str, ...]
    target: str | None
    norm: Norms
    by_module: tuple[GradientRow, ...]
    said: tuple[str, ...]


class ProbeRow(_Part):
    """One probe; without a verdict where it only observes."""

    phase: str
    what: str
    patched: int
    quantity: str
    value: Number | None
    verdict: Verdict | None
    seconds: Number
    share: Number
    kernels: int | None
    failure: str | None


class Probes(_Part):
    """All probes, and what they cost; ``sites`` is the number of cuts that could be asked."""

    count: int
    cached: int = 0
    sites: int
    search: int
    search_limit: int
    values: int
    search_passes: Number
    passes: Number
    seconds: Number
    kernels_first: int | None
    kernels_after: int | None
    log: tuple[ProbeRow, ...]


class Report(_Part):
    """What a run found, and all that it rests on.

    Attributes:
        verdict, sentence: the answer.
        target: what was asked about (None: every call by itself), with the ``reference``'s value and the ``port``'s that differs.
        questions: "code" (the reference's weights) and "start" (its own), each with where the target may lie.
        culprits, open_ends, ruled_out: what is to blame, what could not be settled, who is innocent.
        preflight, census, sizes: what differs before any run.
        notes: what else there is to say, what was not asked included.

    """

    format: Literal[2] = FORMAT
    verdict: Answered
    sentence: str
    recipe: str
    models: ModelNames
    options: dict[str, Any] = {}
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
