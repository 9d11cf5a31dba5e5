"""A culprit, a finding, a proof and a line, as the report keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bisect_tool.culprit import Culprit, Line, Mark
from bisect_tool.finding import Finding
from bisect_tool.questions.proof import Proof
from bisect_tool.report import data
from bisect_tool.sentences import limits
from bisect_tool.sentences import lines as sentences


def culprit_data(culprit: Culprit) -> data.CulpritData:
    """Return a culprit with its two probes, where they were run."""
    probes = sum(proof is not None for proof in (culprit.sufficient, culprit.necessary))
    return data.CulpritData(
        kind=culprit.kind,
        sites=culprit.sites,
        confirmed=culprit.confirmed,
        status=limits.status(probes, confirmed=culprit.confirmed),
        felt=culprit.felt,
        findings=tuple(map(finding_data, [*culprit.findings, *_expressions(culprit.line)])),
        sufficient=_proof(culprit.sufficient),
        necessary=_proof(culprit.necessary),
        line=_line(culprit.line),
    )


def _expressions(line: Line | None) -> Iterator[Finding]:
    """Say which expressions of a line are marked, the port's first."""
    if line is not None and line.port_marks:
        texts = ([mark.text for mark in marks] for marks in (line.port_marks, line.reference_marks))
        yield Finding("expression", (), sentences.expressions(*texts))


def finding_data(finding: Finding) -> data.FindingData:
    """Return a finding as it is."""
    return data.FindingData(check=finding.check, sites=finding.sites, message=finding.message)


def _proof(proof: Proof | None) -> data.ProofData | None:
    if proof is None:
        return None
    return data.ProofData(what=proof.what, quantity=proof.quantity, value=proof.value, verdict=proof.verdict.value)


def _marks(marks: Iterable[Mark]) -> tuple[data.MarkData, ...]:
    return tuple(data.MarkData(span=mark.span, text=mark.text) for mark in marks)


def _line(line: Line | None) -> data.LineData | None:
    if line is None:
        return None
    return data.LineData(
        reference=line.reference,
        port=line.port,
        unclear=line.unclear,
        reference_marks=_marks(line.reference_marks),
        port_marks=_marks(line.port_marks),
    )
