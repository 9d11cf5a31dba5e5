"""The lines to blame in the code that no module covers: the loss, the target assignment, what ``step`` does itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from bisect_tool.axes.lines import findings
from bisect_tool.axes.lines.blame import blamed, blamed_line
from bisect_tool.axes.lines.healing import healing, several, wrong
from bisect_tool.axes.lines.marks import with_marks
from bisect_tool.axes.lines.probes import LineProbes, beside, open_probes
from bisect_tool.axes.lines.statements import SharedLines, Statement
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.culprit import AfterTheLayers, WrongLoss
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import variable_of


def lines_after_layers(
    perfect: Reading, loss: WrongLoss, questions: Mapping[str, TargetQuestion], lines: SharedLines
) -> tuple[AfterTheLayers, ...]:
    """Return the lines that make targets diverge although all layers are the reference's, as in the ``perfect`` reading.

    Where no line can be proved, the culprit that was known is returned, with what was seen: the code after the last layer.
    """
    found: dict[object, AfterTheLayers] = {}
    unplaced: list[tuple[LineProbes, AfterTheLayers]] = []
    for question in questions.values():
        asked = dataclasses.replace(question.question, interval=question.loss)
        if asked.verdict(perfect) is Verdict.DIVERGES:
            probes = open_probes(asked, lines, asked.verdict)
            for culprit in _lines_of(probes, loss):
                if isinstance(culprit, WrongLoss):
                    unplaced.append((probes, culprit))
                else:
                    place = culprit.line and culprit.line.place
                    known = found.setdefault(place or culprit.sites, culprit)
                    sites = tuple(dict.fromkeys((*known.sites, *culprit.sites)))
                    found[place or culprit.sites] = dataclasses.replace(known, sites=sites)
    lines_named = tuple(found.values())
    if not lines_named and not unplaced:
        return (loss,)  # it shows at stirred weights only, of which no variables were recorded
    return (*lines_named, *[culprit for probes, culprit in unplaced if not _is_explained(probes, lines_named)][:1])


def _is_explained(probes: LineProbes, named: Sequence[AfterTheLayers]) -> bool:
    """Tell whether a target is right once the lines are that were named for others."""
    sites = [site for culprit in named for site in culprit.sites if site in probes.lines.order]
    what = sentences.alone(list(dict.fromkeys(map(variable_of, sites))))
    return bool(sites) and probes.verdict(probes.ask(what, sites)) is Verdict.AGREES


def _lines_of(probes: LineProbes, loss: WrongLoss) -> Sequence[AfterTheLayers]:
    """Return the lines that make one target diverge."""
    held = healing(probes)
    if len(held) == 1 and _rests_on_unclear(probes, held[0]):
        named = _with_what_it_reads(probes, held[0])
        if named:
            return named
        if _is_the_target(probes, held[0]):
            return [_unplaced(probes, loss, held[0])]
    return blamed(probes, held) or [_unplaced(probes, loss)]


def _with_what_it_reads(probes: LineProbes, last: Statement) -> Sequence[AfterTheLayers]:
    """Return the lines that make wrong what a line reads that heals alone, and that line where it is wrong by itself.

    The target shows only that line: it is right once that is patched, whatever it reads. So the others are asked about
    what it reads. Nothing is named unless all that compares is right then: in other units it would not be.
    """
    itself = wrong(probes)
    if last not in itself:
        return blamed(probes, several(probes, itself))
    reads = _known_inputs(probes, last, itself)
    about = _whether_right(probes, reads, sentences.wrong_inputs(last.name))
    before = dataclasses.replace(probes, verdict=about.verdict, about=about)
    held = healing(before) if reads else []
    proving = beside(probes, held)
    healed = proving.patched([last])
    if not held or any(probes.off(healed, s) for s in probes.comparable() if s not in [*held, last]):
        return []
    return [*blamed(before, held), blamed_line(proving, [last], [*held, last])]


def _known_inputs(probes: LineProbes, last: Statement, itself: Sequence[Statement]) -> list[Statement]:
    """Return what a line reads that is off, but for what is wrong by itself: that is so also where it is patched."""
    unclear = {(v.place, v.name) for v in probes.unclear_before(last)}
    known = [s for s in probes.comparable() if s not in itself and probes.off(probes.free, s)]
    return [s for s in known if (s.theirs.place, s.theirs.name) in unclear]


def _whether_right(probes: LineProbes, statements: Sequence[Statement], quantity: str) -> Question:
    """Return the question whether some statements are right: none of them may be off."""

    def wrong_ones(reading: Reading) -> float | None:
        return None if reading.failure is not None else sum(probes.off(reading, s) for s in statements)

    none = Interval(0, 0, 0, "")
    return dataclasses.replace(probes.question, measure=wrong_ones, quantity=quantity, interval=none)


def _rests_on_unclear(probes: LineProbes, statement: Statement) -> bool:
    """Tell whether a line reads variables of its own function that nothing clears."""
    return any(v.function == statement.theirs.function for v in probes.unclear_before(statement))


def _is_the_target(probes: LineProbes, statement: Statement) -> bool:
    """Tell whether a statement's value is the target itself: patching it proves nothing but that."""
    site = next(reversed(probes.off_sites(probes.free, statement)), statement.sites[-1])
    capture = probes.lines.capture
    wanted = capture.manifest.targets[probes.question.target]
    arrays = [capture.read(key) for _, key in tensor_keys(capture.variables[site])]
    return any(a.size == 1 and np.isclose(float(a.reshape(-1)[0]), wanted, rtol=1e-5) for a in arrays)


def _unplaced(probes: LineProbes, loss: WrongLoss, last: Statement | None = None) -> WrongLoss:
    """Return the code after the last layer as the culprit, with what is known of its lines.

    ``last`` is the line that computes the target itself, where what it reads cannot be compared.
    """
    if last is None:
        seen = [*findings.first_seen(probes)]
    else:
        probes = with_marks(probes, last)
        seen = [*findings.said(probes, last), *findings.context(probes, last)]
    return dataclasses.replace(
        loss,
        findings=(*loss.findings, *seen, *findings.swallowed(probes.lines), *findings.not_watched(probes.lines)),
        line=None if last is None else findings.line(probes, last),
    )
