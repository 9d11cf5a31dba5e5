"""The backward pass by pieces: what each call's own code makes of the reference's gradients, and who gets it wrong.

Each call's gradients are computed separately, from the reference's inputs and gradients, so that an error in one does not
reach the next. A gradient that is off is asked for again in float64 (docs/tolerance.md).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bisect_tool.axes.gradients.passes import Backward
from bisect_tool.captures.manifest import Gradients
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import PulledAt, Reading
from bisect_tool.questions.tolerance import SAFETY, UNCHECKED
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import STEP, Edge, Site

Off = Mapping[Site, tuple[PulledAt, ...]]


@dataclass(frozen=True)
class Pieces:
    """What the backward pass by pieces showed.

    Attributes: ``failure`` (why it could not be run); ``off``: whose own code makes wrong gradients, to those gradients. STEP
    stands for the code around the layers. ``count`` of all pieces; ``uncompared``: gradients of the
    reference that the port gave none to compare with; ``blind``: outputs at which the reference's run has no gradient, though the
    code around passes one there: nothing tells whether the port's is right. ``known``: how many each code gave, by its call;
    ``unsure``: whose gradients cannot be set beside the reference's.
    """

    failure: str | None = None
    off: Off = field(default_factory=dict)
    count: int = 0
    uncompared: tuple[Edge, ...] = ()
    blind: tuple[Edge, ...] = ()
    known: Mapping[Site, int] = field(default_factory=dict)
    unsure: frozenset[Site] = frozenset()


def pull_pieces(asked: Backward) -> Pieces:
    """Run the backward pass by pieces, and again in float64 for the calls that are off."""
    first = _pieces(asked, (), sentences.BY_PIECES)
    above = _above(asked, first)
    calls = [owner for owner in above if owner != STEP]
    exact = _pieces(asked, calls, sentences.in_float64(len(calls))) if calls else Reading()
    in_float64 = {_edge(row): row for row in exact.pieces if row.exact}
    confirmed = {
        owner: tuple(row for row in rows if _stays(asked, row, in_float64.get(_edge(row))))
        for owner, rows in above.items()
    }
    wrong = {owner: rows for owner, rows in confirmed.items() if rows}
    unsure = {*first.unsure, *(Site(site) for site in asked.gradients.sites if asked.unpaired_in(Site(site)))}
    known = Counter(owner_of(row, asked.trace) for row in _known(asked, first))
    uncompared = tuple(_uncompared(asked, first))
    blind = tuple(_blind(asked.gradients))
    return Pieces(first.failure, wrong, len(asked.trace.sites) + 1, uncompared, blind, known, frozenset(unsure))


def right_by_pieces(asked: Backward, pieces: Pieces) -> tuple[Site, ...]:
    """Return the calls whose own code makes the reference's gradients, all of them, of the reference's values and gradients."""
    not_judged = {
        *asked.wrong,
        *pieces.off,
        *pieces.unsure,
        *(owner_of(edge, asked.trace) for edge in (*pieces.uncompared, *pieces.blind)),
    }
    return tuple(site for site in asked.trace.sites if site not in not_judged)


def _pieces(asked: Backward, exact: Iterable[Site], what: str) -> Reading:
    sites = asked.trace.sites
    intervention = dataclasses.replace(asked.question.base, backward="pieces").watching(sites).computing_exactly(exact)

    def verdict(reading: Reading) -> Verdict:
        if reading.failure is not None:
            return Verdict.UNRESOLVED
        return Verdict.DIVERGES if _above(asked, reading) else Verdict.AGREES

    return asked.question.run(intervention, "backward", what, patched=len(sites), verdict=verdict)


def _above(asked: Backward, reading: Reading) -> Off:
    """Return the gradients that are off by more than their floor, by the call whose own code makes them."""
    found: dict[Site, list[PulledAt]] = {}
    for row in _known(asked, reading):
        if row.gradient.exceeds(floor_of(row, asked.trace, asked.gradients)):
            found.setdefault(owner_of(row, asked.trace), []).append(row)
    order = {site: number for number, site in enumerate(asked.trace.sites)}
    return {owner: tuple(found[owner]) for owner in sorted(found, key=lambda site: order.get(site, len(order)))}


def _known(asked: Backward, reading: Reading) -> list[PulledAt]:
    known = [row for row in reading.pieces if _is_known(row, asked.gradients) and not row.exact]
    return [row for row in known if not (row.part == "state" and row.path in asked.unpaired)]


def _uncompared(asked: Backward, reading: Reading) -> Iterator[Edge]:
    """Yield the gradients of the reference that no piece of the port gave; calls that are wrong already are put right."""
    given = {_edge(row) for row in _known(asked, reading)}
    for site, entry in asked.gradients.sites.items():
        parts = {"inputs": entry.inputs, "output": entry.output, "state": entry.state}
        edges = [
            Edge(site, part, path) for part, of in parts.items() for path, (key, _) in of.items() if key is not None
        ]
        yield from (edge for edge in edges if edge not in given and site not in asked.wrong)


def _blind(gradients: Gradients) -> Iterator[Edge]:
    """Yield the outputs at which the reference's run has no gradient, and its pieces have one: something before stops it."""
    for site, entry in gradients.sites.items():
        yield from (Edge(site, "output", path) for path, (key, noise) in entry.output.items() if key is None and noise)


def _stays(asked: Backward, row: PulledAt, exact: PulledAt | None) -> bool:
    """Tell whether a gradient is off in float64 too; where that is not known, by more than rounding ever does."""
    if exact is not None:
        return exact.gradient.exceeds(floor_of(row, asked.trace, asked.gradients))
    return row.gradient.exceeds(UNCHECKED * (row.gradient.reference or 0.0))


def _edge(row: PulledAt) -> Edge:
    return Edge(row.site, row.part, row.path)


def owner_of(row: PulledAt | Edge, trace: Trace) -> Site:
    """Return the call whose own code makes a gradient: the gradient of an output comes from the code around its call.

    That is also who makes a call with gradients switched off.
    """
    if row.part not in ("output", "call"):
        return Site(row.site)
    return trace.owner(Site(row.site))


def floor_of(row: PulledAt, trace: Trace, gradients: Gradients) -> float:
    """Return the rms that rounding explains in one gradient."""
    if row.part == "call":
        return 0.0
    noise = _recorded(row, gradients)[row.path][1]
    return SAFETY * max(noise, trace.rounding * (row.gradient.reference or 0.0))


def _recorded(row: PulledAt, gradients: Gradients) -> Mapping[str, tuple[str | None, float]]:
    entry = gradients.sites[row.site]
    return {"inputs": entry.inputs, "output": entry.output, "state": entry.state}[row.part]


def _is_known(row: PulledAt, gradients: Gradients) -> bool:
    """Tell whether the reference's gradient was recorded there: a worker may name what it likes."""
    return row.site in gradients.sites and (row.part == "call" or row.path in _recorded(row, gradients))
