"""Lines as culprits, each with its two probes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bisect_tool.axes.lines import findings
from bisect_tool.axes.lines.marks import with_marks
from bisect_tool.axes.lines.probes import LineProbes, beside
from bisect_tool.axes.lines.statements import Statement
from bisect_tool.culprit import WrongLine
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences


def blamed(probes: LineProbes, held: Sequence[Statement]) -> list[WrongLine]:
    """Return the lines of some statements that heal together, each proved with the others patched."""
    found = []
    for statements in _by_line(held):
        others = [s for s in held if s not in statements]
        proving = beside(probes, others)
        if proving.free.failure is not None:  # what is patched later may not fit what is wrong before it
            earlier = probes.lines.statements[: probes.lines.statements.index(statements[0])]
            proving = beside(probes, [s for s in others if s in earlier])
        found.append(blamed_line(proving, statements, held))
    return found


def blamed_line(probes: LineProbes, statements: Sequence[Statement], held: Sequence[Statement]) -> WrongLine:
    """Return what one line assigns as a culprit, with its two probes and what is known of it."""
    first = statements[0]
    marked = with_marks(probes, first)
    healed = probes.patched(held)
    return WrongLine(
        sites=tuple(site for statement in statements for site in statement.sites),
        sufficient=probes.proof(sentences.put_right([s.name for s in held]), healed),
        necessary=_necessary(probes, statements),
        findings=(
            *(found for s in statements for found in findings.said(marked if s is first else probes, s)),
            *findings.context(marked, first),
            *findings.swallowed(probes.lines),
        ),
        line=findings.line(marked, first),
    )


def _necessary(probes: LineProbes, statements: Sequence[Statement]) -> Proof:
    """Put right all that agrees before a line: where it is off no more then, that proves nothing against it."""
    name = statements[0].name
    right = probes.right_before(statements[0])
    before = probes.ask(sentences.all_right_before(name), right)
    proof = probes.proof(sentences.put_right_before(len(right), name), before)
    still_off = any(probes.off(before, statement) for statement in statements)
    return proof if still_off else dataclasses.replace(proof, verdict=Verdict.UNRESOLVED)


def _by_line(statements: Sequence[Statement]) -> list[list[Statement]]:
    found: dict[str, list[Statement]] = {}
    for statement in statements:
        found.setdefault(statement.theirs.place, []).append(statement)
    return list(found.values())
