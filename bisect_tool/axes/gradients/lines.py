"""Find the line whose backward pass is wrong, in the code of ``step`` and the loss, or in a call's own code.

Every statement is pulled back by itself on both sides; where what it contributes differs, there is the line.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.axes.gradients.contributions import WrongEdge, parsed, wrong_edges
from bisect_tool.axes.gradients.findings import called_without_gradients
from bisect_tool.axes.gradients.passes import Backward
from bisect_tool.axes.gradients.pieces import Pieces
from bisect_tool.axes.gradients.places import Places
from bisect_tool.axes.lines.statements import SharedLines, look_at
from bisect_tool.captures.reader import Capture
from bisect_tool.culprit import Culprit, Line
from bisect_tool.finding import Finding
from bisect_tool.probes.handed import PulledStatements
from bisect_tool.probes.intervention import Intervention
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sentences import limits
from bisect_tool.sites import STEP, Edge, Site
from bisect_tool.wrong_learning import WrongBackward

NEEDS = frozenset({"survey", "statements"})  # without the variables, a line would be blamed for those that it reads
MOST_TRIED = 2  # calls of one culprit: what the first hands back may reach nothing that learns, and is not judged then


@dataclass(frozen=True)
class Code:
    """What lines are looked for in: the port beside the ``capture``, and what the backward pass by pieces showed."""

    asked: Backward
    capture: Capture
    pieces: Pieces


def with_backward_lines(culprits: Sequence[Culprit], code: Code) -> tuple[Culprit, ...]:
    """Return the culprits with the line whose backward pass is wrong, where their own code has one and the worker can tell."""
    if not code.asked.question.port.capabilities >= NEEDS:
        return tuple(culprits)
    return tuple(
        _with_line(culprit, code) if isinstance(culprit, WrongBackward) and type(culprit) is WrongBackward else culprit
        for culprit in culprits
    )


def lines_not_asked(culprits: Sequence[Culprit], capabilities: frozenset[str]) -> tuple[str, ...]:
    """Say that no line was looked for in some culprits, where the worker does not announce what that needs."""
    lacking = sorted(NEEDS - capabilities) if any(type(one) is WrongBackward for one in culprits) else []
    return (limits.not_asked(limits.UNANSWERED["pull_statements"], lacking),) if lacking else ()


def _with_line(culprit: WrongBackward, code: Code) -> WrongBackward:
    """Return a culprit with the line of the first of its calls that has one; where any may be at fault, with those of all."""
    tried = culprit.sites if culprit.either else culprit.sites[:MOST_TRIED]
    lines = ((owner, found) for owner in tried if (found := _line_in(owner, code)) is not None)
    kept = list(lines) if culprit.either else list(itertools.islice(lines, 1))
    if not kept:
        return culprit
    said = tuple(Finding("line", (owner,), words) for owner, (_, words) in kept)
    first, *others = (line for _, (line, _) in kept)
    unclear = tuple(dict.fromkeys((*first.unclear, *(place for line in others for place in line.places))))
    line = dataclasses.replace(first, unclear=unclear)
    return dataclasses.replace(culprit, line=line, findings=(*culprit.findings, *said))


def _line_in(owner: Site, code: Code) -> tuple[Line, str] | None:
    """Return the line whose backward pass is wrong in a call's own code, and what it does; None where it is not known."""
    layers = _layers_right(owner, code)
    if layers is None:
        return None
    question, port = code.asked.question, code.asked.question.port
    lines = look_at(port, code.capture, layers, (owner,))
    alike = _alike(lines, question)
    pulled = port.asides.statements(question.base.watching(code.asked.trace.sites), owner, alike)
    wrong = _wrong_edge(owner, code, pulled)
    if wrong is None:
        return None
    places = Places(code.asked.gradients, code.capture.manifest, lines, pulled, frozenset(alike))
    if wrong.read in {Edge.parse(name) for name in pulled.stopped}:
        line, said = places.line(wrong.read, wrong.read), sentences.stopped_in_place(wrong.read)
    else:
        line, said = places.line(wrong.statement, wrong.read), sentences.statement_passes(*wrong)
        said = sentences.by_own_backward(said) if places.is_own_backward(wrong.statement) else said
    return line, _at(line, said)


def _layers_right(owner: Site, code: Code) -> Intervention | None:
    """Return what makes all but the own code of ``owner`` right; None where that code has no variables that are recorded."""
    base, trace = code.asked.question.base, code.asked.trace
    coded = {variable.around for variable in code.capture.manifest.variables}
    if owner == STEP:
        return base.patching(trace.outermost(trace.sites)) if None in coded else None
    if owner not in coded or owner not in trace.members:
        return None
    return base.patching(trace.members - set(trace.chain(owner))).feeding([owner])


def _alike(lines: SharedLines, question: Question) -> list[Site]:
    """Return the variables that have the same values on both sides, part by part: under one name another thing may be meant."""
    ours, theirs = ({v.site: [path for path, _, _ in v.parts] for v in side} for side in (lines.ours, lines.theirs))
    layers, shared = lines.layers, [mine for mine, port in lines.pairs.to_port.items() if ours[mine] == theirs[port]]
    reading = question.run(layers.watching(shared), "lines", sentences.VARIABLES_COMPARED, patched=len(layers.patched))
    seen = {site: reading.watched[site].output for site in shared if site in reading.watched}
    return [site for site, parts in seen.items() if not any(part.exceeds(SAFETY * ROUNDING) for part in parts)]


def _wrong_edge(owner: Site, code: Code, pulled: PulledStatements) -> WrongEdge | None:
    """Return what the last statement that is wrong passes wrongly."""
    off = called_without_gradients(code.pieces.off.get(owner, ()))
    if off:  # of a call that is made with gradients switched off nothing is pulled back: its own line is the one
        handed = Edge(off[0], "inputs")
        return WrongEdge(handed, handed, sentences.PASSES_NONE)
    theirs = parsed(pulled.edges.items())
    return next(wrong_edges(code.asked.gradients, owner, theirs, code.asked.trace.members), None)


def _at(line: Line, said: str) -> str:
    if line.place is None:
        return said
    ours = line.reference
    return sentences.at_line(line.place, None if ours is None else f"{ours.file}:{ours.line}", said)
