"""Put what the axes answered into a report: the verdict, and all that it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.captures.manifest import Described
from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.preflight.census import census
from bisect_tool.checks.preflight.preflight import preflight
from bisect_tool.checks.preflight.sizes import sizes
from bisect_tool.culprit import Culprit, Line, WrongStart
from bisect_tool.finding import Finding
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog, Row
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import verdict_on
from bisect_tool.questions.tolerance import FEWEST_SEEDS, Interval
from bisect_tool.report import data
from bisect_tool.report.ruled_out import ruled_out
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import blame, limits

BESIDE = ("exact", "lines", "backward")  # phases that need kernels which no other probe needs


def report_of(case: Case) -> data.Report:
    """Return the report about a case in which every axis has answered."""
    off = _off(case)
    open_ends = tuple(end for answer in case.answers.values() for end in answer.open_ends)
    verdict, sentence = _verdict(case, off, open_ends)
    base, own = (_value(reading, case.target) for reading in (case.base, case.own))
    starts = any(isinstance(culprit, WrongStart) for culprit in case.culprits)
    manifest = case.capture.manifest
    return data.Report(
        verdict=verdict,
        sentence=sentence,
        recipe=manifest.recipe,
        models=data.ModelNames(reference=_named(manifest.described), port=_named(case.port.described)),
        target=case.target,
        reference=None if case.target is None else manifest.targets[case.target],
        port=own if starts else base,
        questions=_questions(case, base, own),
        targets=_targets(case),
        culprits=tuple(map(_culprit, case.culprits)),
        open_ends=open_ends,
        ruled_out=tuple(ruled_out(case, agrees=not off)),
        preflight=tuple(map(_finding, (*preflight(case.pair), *case.initial, *laws(case.pair)))),
        census=tuple(data.CensusRow.model_validate(row) for row in census(case.pair)),
        gradients=_gradients(case),
        sizes=tuple(sizes(manifest)),
        notes=tuple(_notes(case)),
        probes=_probes(case.log, len(case.trace.sites)),
    )


def _off(case: Case) -> list[str]:
    """Return the targets that are asked about and do not agree with the reference's weights."""
    asked = case.questions if case.target is None else {case.target: case.questions[case.target]}
    return [
        name
        for name, target in asked.items()
        if verdict_on(case.base, name, target.question.interval) is not Verdict.AGREES
    ]


def _verdict(case: Case, off: Sequence[str], open_ends: Sequence[str]) -> tuple[data.Answered, str]:
    proved = [culprit for culprit in case.culprits if culprit.confirmed]
    if proved:
        return "diverges", _headline(case, proved)
    if case.culprits or open_ends or off:
        return "inconclusive", limits.inconclusive(case.target, off, open_ends)
    return "agrees", _agreement(case)


def _headline(case: Case, proved: Sequence[Culprit]) -> str:
    asked = blame.Asked(
        case.target,
        math.nan if case.target is None else case.capture.manifest.targets[case.target],
        _value(case.base, case.target),
        _value(case.own, case.target),
        case.gradient_target,
    )
    blamed: dict[str, list[tuple[str, str]]] = {}
    for culprit in sorted(proved, key=lambda culprit: not culprit.felt):  # what the target shows comes first
        blamed.setdefault(culprit.opening(asked), []).append(culprit.blamed)
    return blame.headline(blamed)


def _agreement(case: Case) -> str:
    if case.target is not None:
        starts = case.start is not None and not case.answers["start"].notes
        return limits.agrees(case.target, starts=starts)
    gradients = case.capture.manifest.gradients
    compared = case.answer(GradientAnswer) is not None and gradients is not None
    return limits.all_agree(list(case.questions), gradients.of if compared and gradients else ())


def _questions(case: Case, base: float | None, own: float | None) -> dict[data.QuestionName, data.Range]:
    if case.target is None:
        return {}
    return {"code": _range(base, case.questions[case.target].question.interval), "start": _range(own, case.start)}


def _range(value: float | None, interval: Interval | None) -> data.Range:
    if interval is None:
        return data.Range(value=value)
    return data.Range(value=value, low=interval.low, high=interval.high, centre=interval.centre, origin=interval.origin)


def _targets(case: Case) -> dict[str, data.TargetValues]:
    return {
        name: data.TargetValues(
            reference=value,
            port=case.own.targets.get(name),
            port_with_reference_weights=case.base.targets.get(name),
        )
        for name, value in case.capture.manifest.targets.items()
    }


def _gradients(case: Case) -> data.GradientData | None:
    """Return who gets a gradient and how large they are together, None where they were not compared."""
    found, recorded = case.answer(GradientAnswer), case.capture.manifest.gradients
    if found is None or recorded is None:
        return None
    reference, port, own = found.norms
    return data.GradientData(
        of=recorded.of,
        target=case.gradient_target,
        norm=data.Norms(reference=reference, port=own, port_with_reference_weights=port),
        by_module=tuple(data.GradientRow.model_validate(row) for row in found.triage),
        said=found.said,
    )


def _notes(case: Case) -> list[str]:
    notes = []
    if case.target is not None and case.start is None:
        notes.append(limits.start_not_asked(len(case.capture.manifest.spread.seeds), FEWEST_SEEDS - 1))
    if case.target is None:
        notes.append(limits.start_needs_a_target())
    blamed = any(case.answers[name].culprits for name in ("calls", "start"))
    if case.answer(GradientAnswer) is None and not blamed:
        notes.append(limits.gradients_not_compared(known=case.capture.manifest.gradients is not None))
    notes += [note for answer in case.answers.values() for note in answer.notes]
    return [*notes, *case.passed_over, *(limits.unanswered(*failed) for failed in case.port.asides.unanswered.items())]


def _culprit(culprit: Culprit) -> data.CulpritData:
    probes = sum(proof is not None for proof in (culprit.sufficient, culprit.necessary))
    return data.CulpritData(
        kind=culprit.kind,
        sites=culprit.sites,
        confirmed=culprit.confirmed,
        status=limits.status(probes, confirmed=culprit.confirmed),
        felt=culprit.felt,
        findings=tuple(map(_finding, culprit.findings)),
        sufficient=_proof(culprit.sufficient),
        necessary=_proof(culprit.necessary),
        line=_line(culprit.line),
    )


def _finding(finding: Finding) -> data.FindingData:
    return data.FindingData(check=finding.check, sites=finding.sites, message=finding.message)


def _proof(proof: Proof | None) -> data.ProofData | None:
    if proof is None:
        return None
    return data.ProofData(what=proof.what, quantity=proof.quantity, value=proof.value, verdict=proof.verdict.value)


def _line(line: Line | None) -> data.LineData | None:
    return None if line is None else data.LineData(reference=line.reference, port=line.port, unclear=line.unclear)


def _probes(log: ProbeLog, sites: int) -> data.Probes:
    """Return the probe log and what it cost; ``sites`` is the number of cuts that could be asked."""
    plain = [row for row in log.rows if row.phase not in BESIDE]
    remembered = len({intervention.kept for intervention in log.readings if intervention.kept})  # one run each
    first = plain[0].kernels if plain else None  # None where it was kept from an earlier run, too
    return data.Probes(
        count=len(log.rows),
        sites=sites,
        search=log.count("search"),
        search_limit=math.ceil(math.log2(max(sites, 2))) + 3,
        values=log.count("start"),
        search_passes=round(log.passes("search", "start") + remembered, 3),
        passes=round(sum(row.share for row in log.rows) + remembered, 3),
        seconds=round(sum(row.seconds for row in log.rows), 3),
        kernels_first=first,
        kernels_after=None if first is None else sum(row.kernels or 0 for row in plain[1:]),
        log=tuple(map(_row, log.rows)),
    )


def _row(row: Row) -> data.ProbeRow:
    return data.ProbeRow(
        phase=row.phase,
        what=row.what,
        patched=row.patched,
        quantity=row.quantity,
        value=row.value,
        verdict=None if row.verdict is None else row.verdict.value,
        seconds=round(row.seconds, 4),
        share=round(row.share, 4),
        kernels=row.kernels,
        failure=row.failure,
    )


def _value(reading: Reading, target: str | None) -> float | None:
    return None if target is None else reading.targets.get(target)


def _named(described: Described) -> str:
    return f"{described.framework} {described.version}"
