"""Find the line whose backward pass is wrong, in the code of ``step`` and the loss, or in a call's own code.

Every statement was pulled back by itself on both sides (``worker/statements``): what it contributes to the gradient of what
it reads is compared by random projections. A variable of the reference without a partner is folded into the one statement
that reads it; where several read it, what it contributes cannot be told apart and is not judged.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from bisect_tool.axes.lines.reads import unclear_before
from bisect_tool.axes.lines.statements import SharedLines, look_at
from bisect_tool.captures.manifest import Excerpt, Gradients
from bisect_tool.captures.reader import Capture
from bisect_tool.culprit import Culprit, Line, WrongBackward
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.handed import PulledStatements
from bisect_tool.probes.interface import Port
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import ROUNDING, SAFETY, UNCHECKED
from bisect_tool.sites import STEP, Site, variable_of

MOST_TRIED = 2  # calls of one culprit: what the first hands back may reach nothing that learns, and is not judged then
Edges = dict[str, dict[str, tuple[float, ...]]]  # by statement, the last first, and by what it reads


def with_backward_lines(
    culprits: Sequence[Culprit], port: Port, capture: Capture, question: Question, trace: Trace
) -> tuple[Culprit, ...]:
    """Return the culprits with the line whose backward pass is wrong, where their own code has one."""
    found = []
    for culprit in culprits:
        lined = culprit
        for owner in culprit.sites[:MOST_TRIED] if type(culprit) is WrongBackward else ():
            lined = _with_line(culprit, owner, port, capture, question, trace)
            if lined.line is not None:
                break
        found.append(lined)
    return tuple(found)


def _with_line(
    culprit: Culprit, owner: Site, port: Port, capture: Capture, question: Question, trace: Trace
) -> Culprit:
    base = question.base
    gradients = capture.manifest.gradients
    around = None if owner == STEP else owner
    coded = {variable.around for variable in capture.manifest.variables}
    if gradients is None or around not in coded or (around is not None and around not in trace.sites):
        return culprit
    if around is None:
        layers = base.patching(trace.outermost(trace.sites))
    else:
        layers = base.patching(set(trace.sites) - set(trace.chain(around))).feeding([around])
    lines = look_at(port, capture, layers, around)
    alike = _alike(lines, question)
    pulled = port.asides.statements(base.watching(trace.sites), owner, alike)
    wrong = _wrong(gradients, owner, pulled, frozenset(trace.sites))
    # Of a call that is made with gradients switched off nothing is pulled back: its own line is the one.
    off = [site for finding in culprit.findings if finding.check == "no_grad" for site in finding.sites[1:2]]
    if off:
        wrong = [(f"{off[0]}|inputs", f"{off[0]}|inputs", "no gradient")]
    if not wrong:
        return culprit
    told = _Told(gradients, capture, lines, pulled, frozenset(lines.pairs.to_port[site] for site in alike))
    statement, target, how = wrong[0]
    if target in pulled.stopped:
        line = told.line(target, target)
        words = f"{_name(target)}, assigned here, is stopped in place afterwards: no gradient reaches it"
    else:
        line = told.line(statement, target)
        words = f"{_name(statement)} passes {how}" + (f" to {_name(target)}" if target != statement else "")
    finding = Finding("line", (owner,), f"{told.where(line)}{words}")
    return dataclasses.replace(culprit, line=line, findings=(*culprit.findings, finding))


def _alike(lines: SharedLines, question: Question) -> list[Site]:
    """Return the variables that have the same values on both sides: under one name another thing may be meant."""
    layers, shared = lines.layers, list(lines.pairs.to_port)
    reading = question.run(layers.watching(shared), "lines", "variables compared", patched=len(layers.patched))
    seen = {site: reading.watched[site].output for site in shared if site in reading.watched}
    return [site for site, parts in seen.items() if not any(part.exceeds(SAFETY * ROUNDING) for part in parts)]


def _wrong(
    gradients: Gradients, owner: Site, pulled: PulledStatements, made: frozenset[str]
) -> list[tuple[str, str, str]]:
    """Return (statement, what it reads, what it passes to it in words) where both sides differ, the last statement first.

    A statement that reads the output of a call that the port does not make (``made``) is not judged.
    """
    known: Edges = {statement: dict(edges) for statement, edges in gradients.statements.get(owner, ())}
    theirs: Edges = {statement: dict(edges) for statement, edges in pulled.edges.items()}
    unknown = _folded(known, set(theirs) | {s for s in known if not variable_of(s)})
    largest: dict[str, float] = {}
    for edges in (*known.values(), *theirs.values()):
        for target, edge in edges.items():
            largest[target] = max(largest.get(target, 0.0), edge[0])
    found = []
    for statement, edges in known.items():
        mine = theirs.get(statement)
        if mine is None or any("|output|" in t and t.partition("|")[0] not in made for t in edges):
            continue
        for target in [*edges, *(t for t in mine if t not in edges)]:
            apart = _apart(edges.get(target), mine.get(target))
            site, _, part = target.partition("|")
            constant = not gradients.connected.get(site, {}).get(part.partition("|")[2], True)
            if not constant and target not in unknown.get(statement, ()) and apart > UNCHECKED * largest[target]:
                found.append((statement, target, _how(edges.get(target), mine.get(target))))
    return found


def _folded(known: Edges, shared: set[str]) -> dict[str, set[str]]:
    """Fold statements that the port does not have into those that read them; return whose edges cannot be told apart."""
    unknown: dict[str, set[str]] = {}
    for statement in [s for s in known if s not in shared]:
        edges = known.pop(statement)
        readers = [s for s in known if any(target.rpartition("|")[0] == statement for target in known[s])]
        for reader in readers:
            for target in [t for t in known[reader] if t.rpartition("|")[0] == statement]:
                del known[reader][target]
            for target, edge in edges.items():
                if len(readers) > 1:
                    unknown.setdefault(reader, set()).add(target)
                else:
                    known[reader][target] = _sum(known[reader].get(target), edge)
            unknown.setdefault(reader, set()).update(unknown.get(statement, ()))
    return unknown


def _sum(left: tuple[float, ...] | None, right: tuple[float, ...]) -> tuple[float, ...]:
    if left is None:
        return right
    rest = tuple(a + b for a, b in zip(left[1:], right[1:], strict=True))
    return (_size(rest), *rest)


def _size(projections: Sequence[float]) -> float:
    """Return the norm that random projections (signs) have in the mean."""
    return math.sqrt(sum(p * p for p in projections) / len(projections)) if projections else 0.0


def _apart(ours: tuple[float, ...] | None, theirs: tuple[float, ...] | None) -> float:
    if ours is None or theirs is None:
        return (ours or theirs or (0.0,))[0]
    return _size([a - b for a, b in zip(ours[1:], theirs[1:], strict=True)])


def _how(ours: tuple[float, ...] | None, theirs: tuple[float, ...] | None) -> str:
    if ours is None or not ours[0]:
        return "a gradient where the reference passes none"
    if theirs is None or not theirs[0]:
        return "no gradient"
    scale = sum(a * a for a in ours[1:])
    ratio = sum(a * b for a, b in zip(ours[1:], theirs[1:], strict=True)) / scale if scale else 0.0
    left = _size([b - ratio * a for a, b in zip(ours[1:], theirs[1:], strict=True)])
    if left <= UNCHECKED * theirs[0]:
        return f"{ratio:.4g} times the reference's gradient"
    return f"a gradient that is off by about {_apart(ours, theirs) / ours[0]:.0%}"


@dataclasses.dataclass(frozen=True)
class _Told:
    """Where statements stand, on both sides."""

    gradients: Gradients
    capture: Capture
    lines: SharedLines
    pulled: PulledStatements
    alike: frozenset[Site]  # the port's own names of variables that have the reference's values

    def line(self, statement: str, target: str) -> Line:
        """Return the lines of a statement; where a call is handed something, that of the call."""
        site, _, part = statement.partition("|")
        stands = variable_of(site) or (part == "inputs" and site in self.pulled.places)
        name = Site(site if stands else target.partition("|")[0])
        return Line(self._excerpt(name, port=False), self._excerpt(name, port=True), self._unclear(name))

    def _unclear(self, name: Site) -> tuple[str, ...]:
        """Return the port's lines that a statement's value comes from, as far as the reference has no such variable."""
        survey, partner = self.lines.survey, self.lines.pairs.to_port.get(name)
        variable = next((v for v in survey.variables if v.site == partner), None)
        if variable is None:
            return ()
        found = unclear_before(variable, survey.variables, survey.excerpts, lambda v: v.site in self.alike)
        passing = [v for v in found if any(dtype.startswith("float") for _, _, dtype in v.parts)]
        return tuple(dict.fromkeys(v.place for v in passing))

    def _excerpt(self, name: Site, *, port: bool) -> Excerpt | None:
        manifest = self.capture.manifest
        if port:
            theirs = self.lines.pairs.to_port.get(name)
            place = next(
                (v.place for v in self.lines.survey.variables if v.site == theirs), self.pulled.places.get(name)
            )
            excerpts = {**self.lines.survey.excerpts, **self.pulled.excerpts}
        else:
            place = next((v.place for v in manifest.variables if v.site == name), self.gradients.places.get(name))
            excerpts = dict(manifest.excerpts)
        return None if place is None else excerpts.get(place)

    @staticmethod
    def where(line: Line) -> str:
        """Return the lines in words, as the start of a sentence."""
        if line.port is None:
            return ""
        known = f" (reference {line.reference.file}:{line.reference.line})" if line.reference else ""
        return f"{line.port.file}:{line.port.line}{known}: "


def _name(edge: str) -> str:
    """Return what a statement or what it reads is called: a variable, the output of a call, or what it is handed."""
    site, _, rest = edge.partition("|")
    part, _, path = rest.partition("|")
    if part == "output":
        return f"the output of {site}" + (f" ({path})" if path else "")
    if part == "inputs":
        return f"what {site} is given"
    return path if part == "state" else site or edge
