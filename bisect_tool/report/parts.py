"""The parts of a report that are tables: numbers by module, and the probes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

MOST = 2**53  # more than can be counted, and short enough to be drawn
Verdict = Literal["agrees", "diverges", "unresolved"]  # of one probe


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


Number = Annotated[float, PlainSerializer(_plain)]  # NaN and infinity as words: JSON has no such numbers
Count = Annotated[int, Field(ge=0, le=MOST)]


class Part(BaseModel):
    """A part of a report: it has these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(Part):
    """A number of parameters or buffers on both sides."""

    reference: Count
    port: Count
    difference: Annotated[int, Field(ge=-MOST, le=MOST)]


class CensusRow(Part):
    """The parameters and buffers of one module on both sides."""

    name: str
    depth: Annotated[int, Field(ge=0, le=1000)]
    row: Literal["module", "own", "total"]
    renamed: str | None
    parameters: Counts
    buffers: Counts


class GradientCounts(Part):
    """How many parameters get which gradient."""

    none: Count
    zero: Count
    tiny: Count
    ordinary: Count


class GradientRow(Part):
    """Who gets a gradient among the parameters of one module, on both sides."""

    module: str
    parameters: Count
    reference: GradientCounts
    port: GradientCounts
    same: bool


class Norms(Part):
    """The norm of all gradients."""

    reference: Number | None
    port: Number | None
    port_with_reference_weights: Number | None


class GradientData(Part):
    """What was found of gradients: of which targets, their norms, who gets one."""

    of: tuple[str, ...]
    target: str | None
    norm: Norms
    by_module: tuple[GradientRow, ...]
    said: tuple[str, ...]


class ProbeRow(Part):
    """One probe; without a verdict where it only observes. ``left``: how many calls a forced pass left to the port."""

    phase: str
    what: str
    patched: Count
    quantity: str
    value: Number | None
    verdict: Verdict | None
    seconds: Number
    share: Number
    kernels: Count | None
    failure: str | None
    left: Count | None = None


class Probes(Part):
    """All probes, and what they cost.

    ``sites`` is how many calls could be given the reference's value, ``search`` how many probes judged code, ``values`` how
    many initial values; ``bound``: the most probes that were announced before they were run, None where nothing was; ``bound_took`` of these.
    """

    count: Count
    cached: Count = 0
    sites: Count
    search: Count
    bound: Count | None = None
    bound_took: Count = 0
    values: Count
    start_passes: Number
    passes: Number
    seconds: Number
    kernels_first: Count | None
    kernels_after: Count | None
    log: tuple[ProbeRow, ...]
