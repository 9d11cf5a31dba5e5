"""The backward pass by pieces: what each call's own code makes of the reference's gradients, and who gets it wrong.

Every call is pulled back by itself, from the reference's inputs and gradients, so that an error in one does not reach the
next. A gradient that is off is asked for again in float64 (docs/tolerance.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bisect_tool.captures.manifest import Gradients
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import SAFETY, UNCHECKED
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site


@dataclass(frozen=True)
class Pieces:
    """What the backward pass by pieces showed.

    Attributes: ``reading``; ``off``: whose own code makes wrong gradients, to those gradients. STEP stands for the code
    around the layers.
    """

    reading: Reading
    off: Mapping[Site, tuple[PulledAt, ...]] = field(default_factory=dict)


def pull_pieces(question: Question, trace: Trace, gradients: Gradients) -> Pieces:
    """Run the backward pass by pieces on top of a question's base, and again in float64 for those that are off."""

    def ask(exact: Iterable[Site], what: str) -> Reading:
        intervention = dataclasses.replace(question.base, backward="pieces").watching(trace.sites)
        return question.run(
            intervention.computing_exactly(exact),
            "backward",
            what,
            patched=len(trace.sites),
            verdict=lambda reading: _verdict(reading, trace, gradients),
        )

    first = ask((), "every call pulled back by itself")
    above = _above(first, trace, gradients)
    asked = [owner for owner in above if owner != STEP]
    exact = ask(asked, f"the same, {len(asked)} in float64 too") if asked else Reading()
    in_float64 = {(row.site, row.part, row.path): row for row in exact.pieces if row.exact}
    confirmed = {
        owner: tuple(row for row in rows if _stays(row, in_float64, trace, gradients)) for owner, rows in above.items()
    }
    return Pieces(first, {owner: rows for owner, rows in confirmed.items() if rows})


def _verdict(reading: Reading, trace: Trace, gradients: Gradients) -> Verdict:
    if reading.failure is not None:
        return Verdict.UNRESOLVED
    return Verdict.DIVERGES if _above(reading, trace, gradients) else Verdict.AGREES


def _above(reading: Reading, trace: Trace, gradients: Gradients) -> dict[Site, tuple[PulledAt, ...]]:
    """Return the gradients that are off by more than their floor, by the call whose own code makes them."""
    found: dict[Site, list[PulledAt]] = {}
    for row in reading.pieces:
        if not row.exact and row.gradient.exceeds(floor_of(row, trace, gradients)):
            found.setdefault(owner_of(row, trace), []).append(row)
    order = {site: number for number, site in enumerate(trace.sites)}
    return {owner: tuple(found[owner]) for owner in sorted(found, key=lambda site: order.get(site, len(order)))}


def _stays(
    row: PulledAt, in_float64: Mapping[tuple[str, str, str], PulledAt], trace: Trace, gradients: Gradients
) -> bool:
    """Tell whether a gradient is off in float64 too; where that is not known, by more than rounding ever does."""
    exact = in_float64.get((row.site, row.part, row.path))
    if exact is not None:
        return exact.gradient.exceeds(floor_of(row, trace, gradients))
    return row.gradient.exceeds(UNCHECKED * (row.gradient.reference or 0.0))


def owner_of(row: PulledAt, trace: Trace) -> Site:
    """Return the call whose own code makes a gradient: the gradient of an output comes from the code around its call.

    That is also who makes a call with gradients switched off.
    """
    if row.part not in ("output", "call"):
        return Site(row.site)
    return next((site for site in trace.chain(Site(row.site))[1:] if site in trace.members), STEP)


def floor_of(row: PulledAt, trace: Trace, gradients: Gradients) -> float:
    """Return the rms that rounding explains in one gradient."""
    if row.part == "call":
        return 0.0
    entry = gradients.sites[row.site]
    parts = {"inputs": entry.inputs, "output": entry.output, "state": entry.state}
    return SAFETY * max(parts[row.part][row.path][1], trace.rounding * (row.gradient.reference or 0.0))


def whole_pass(
    question: Question,
    what: str,
    *,
    straight: Iterable[Site],
    pulled: Iterable[Site] = (),
    severed: Iterable[Site] = (),
    thawed: Iterable[Site] = (),
) -> Reading:
    """Run a whole backward pass on top of a question's base, with the reference's values on the way forward."""
    intervention: Intervention = dataclasses.replace(
        question.base,
        backward="whole",
        straight=frozenset(straight),
        pulled=frozenset(pulled),
        severed=frozenset(severed),
        thawed=frozenset(thawed),
    )
    patched = len(frozenset(severed) | frozenset(pulled))
    return question.run(intervention, "backward", what, patched=patched, verdict=question.verdict)
