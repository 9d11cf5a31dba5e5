"""Put what the axes answered into a report: the verdict, and all that it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bisect_tool.axes import drawn
from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.crash.search import CrashAnswer
from bisect_tool.axes.gradients.search import GRADIENTS, GradientAnswer, Norms
from bisect_tool.axes.gradients.targets import reference_rms
from bisect_tool.axes.guessed import guesses
from bisect_tool.captures.described import Described
from bisect_tool.checks.preflight.census import census
from bisect_tool.checks.preflight.optimizers import optimizer
from bisect_tool.checks.preflight.preflight import preflight
from bisect_tool.checks.preflight.sizes import sizes
from bisect_tool.culprit import Culprit
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.tolerance import Interval
from bisect_tool.report import data, parts
from bisect_tool.report.culprits import culprit_data, finding_data
from bisect_tool.report.left_out import left_out
from bisect_tool.report.probes import probes_data
from bisect_tool.report.ruled_out import lost_calls, ruled_out
from bisect_tool.report.started import not_asked, started
from bisect_tool.report.weights import mostly_the_weights
from bisect_tool.sentences import blame, calls, limits, names
from bisect_tool.wrong_start import WrongStart

PLAIN_RUNS = 2  # of the port as it is, where nobody asks for more


def report_of(case: Case) -> data.Report:
    """Return the report about a case in which every axis has answered, or of what is known where the search was stopped."""
    off = case.off
    open_ends = tuple(end for answer in case.answers.values() for end in answer.open_ends)
    verdict, sentence = _with_the_crash(case, *_verdict(case, off, open_ends))
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
        culprits=tuple(map(culprit_data, sorted(case.culprits, key=lambda c: not c.confirmed))),
        open_ends=open_ends,
        ruled_out=tuple(ruled_out(case, agrees=not off)) if case.questions else (),
        preflight=tuple(
            map(
                finding_data,
                (*preflight(case.pair, ran=bool(case.questions)), *case.forms.findings, *case.initial, *case.laws),
            )
        ),
        census=tuple(parts.CensusRow.model_validate(row) for row in census(case.pair)),
        gradients=_gradients(case),
        sizes=tuple(sizes(manifest)),
        notes=tuple(_notes(case)),
        probes=probes_data(case.log, len(case.trace.sites)),
    )


def _verdict(case: Case, off: Sequence[str], open_ends: Sequence[str]) -> tuple[data.Answered, str]:
    proved = [culprit for culprit in case.culprits if culprit.confirmed]
    why = case.log.stop.why
    if not (proved or why or case.culprits or open_ends or off):
        return "agrees", _agreement(case)
    verdict: data.Answered = "diverges" if proved else "inconclusive"
    if proved:
        sentence = _headline(case, proved)
    elif why:
        sentence = limits.nothing_proved_by_then(case.target, why)
    else:
        suspects = [c.blamed.who for c in case.culprits] if all(c.kind == "gradient" for c in case.culprits) else []
        sentence = limits.inconclusive(case.target, off, _reasons(case, open_ends), lost_calls(case), suspects)
        sentence += limits.set_otherwise([finding.message for finding in optimizer(case.pair)])
    sentence = " ".join(filter(None, (sentence, mostly_the_weights(case))))
    return verdict, limits.ended_early(sentence, why) if proved and why else sentence


def _reasons(case: Case, open_ends: Sequence[str]) -> list[str]:
    """Return what keeps a culprit from being proved; that pairs are guessed comes first, once for all of them."""
    reasons = list(dict.fromkeys(doubt for culprit in case.culprits for doubt in culprit.doubts)) or open_ends
    guessed = guesses(case.pair.matching)
    if not guessed:
        return list(reasons)
    known = {names.RESTS_ON_A_GUESS, *(calls.state_guessed([pair]) for pair in guessed)}
    return [names.guessed(guessed), *(reason for reason in reasons if reason not in known)]


def _with_the_crash(case: Case, verdict: data.Answered, sentence: str) -> tuple[data.Answered, str]:
    """Return an answer with what comes first where the port raises; that nothing could be proved then goes without saying."""
    crash = case.answer(CrashAnswer)
    if crash is None:
        return verdict, sentence
    goes_on = verdict == "diverges" or case.log.stop.why
    return verdict, f"{crash.headline} {sentence}" if goes_on else crash.headline


def _headline(case: Case, proved: Sequence[Culprit]) -> str:
    asked = blame.Asked(
        case.target,
        math.nan if case.target is None else case.capture.manifest.targets[case.target],
        _value(case.base, case.target),
        case.lost,
        {name: (case.own.targets.get(name), value) for name, value in case.capture.manifest.targets.items()},
        case.gradient_target,
    )
    felt_first = sorted(proved, key=lambda culprit: not culprit.felt)
    return blame.headline((culprit.blamed, culprit.evidence(asked)) for culprit in felt_first)


def _agreement(case: Case) -> str:
    """Say what agrees, how it starts, and what differs all the same or was not asked."""
    start = started(case)
    if case.target is not None:
        return limits.agrees(case.target, start, case.lost)
    gradients = case.capture.manifest.gradients
    found = case.answer(GradientAnswer)
    of = gradients.of if found is not None and gradients is not None else ()
    rounded, unpaired = (0, 0) if found is None else (len(found.rounded), len(found.unpaired))
    return limits.all_agree(
        list(case.questions),
        of,
        start,
        lost=lost_calls(case),
        otherwise=_placed_otherwise(case),
        weights_lost=case.lost,
        rounded=rounded,
        unpaired=unpaired,
        silent=_silent(case),
        not_compared=left_out(case),
    )


def _placed_otherwise(case: Case) -> int:
    """Return how many calls that were compared mean another thing in the port, and do no harm."""
    found = case.answer(CallsAnswer)
    return 0 if found is None or found.judged is None else len(found.elsewhere.intersection(found.judged.compared))


def _silent(case: Case) -> str:
    """Return how many gradients of the reference are zero, where most are: that they agree says little."""
    gradients = case.capture.manifest.gradients
    if gradients is None:
        return ""
    zero = [name for name in gradients.parameters if not reference_rms(case.capture.manifest, gradients, name)]
    return f"{len(zero)} of {len(gradients.parameters)}" if 2 * len(zero) > len(gradients.parameters) else ""


def _questions(case: Case, base: float | None, own: float | None) -> dict[data.QuestionName, data.Range]:
    if case.target is None or not case.questions:
        return {}
    return {
        "code": _range(base, case.questions[case.target].question.interval),
        "start": _range(own, case.starts.get(case.target)),
    }


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


def _gradients(case: Case) -> parts.GradientData | None:
    """Return who gets a gradient and how large they are together, None where they were not compared."""
    found, recorded = case.answer(GradientAnswer), case.capture.manifest.gradients
    if found is None or recorded is None or found.norms == Norms():
        return None
    reference, port, own = found.norms
    return parts.GradientData(
        of=recorded.of,
        target=case.gradient_target,
        norm=parts.Norms(reference=reference, port=own, port_with_reference_weights=port),
        by_module=tuple(parts.GradientRow.model_validate(row) for row in found.triage),
        said=found.said,
    )


def _notes(case: Case) -> list[str]:
    not_compared = left_out(case)
    notes = [limits.left_out(not_compared)] if not_compared else []
    if "start" in case.answers:
        notes += not_asked(case)
    blamed = any(answer.culprits for name, answer in case.answers.items() if name in ("calls", "start"))
    can = GRADIENTS.needs <= case.port.capabilities  # else the axis that was left out says so
    if case.answer(GradientAnswer) is None and not blamed and can:
        known = case.capture.manifest.gradients is not None
        reached = case.target is not None or not (known and case.log.stop.why)
        notes.append(limits.gradients_not_compared(known=known) if reached else limits.gradients_not_reached())
    notes += [note for answer in case.answers.values() for note in answer.notes]
    notes += drawn.notes(case)
    runs = sum(asked.as_it_is and not asked.backward for asked in case.log.readings)
    notes += [limits.the_same_each_time(runs)] if runs > PLAIN_RUNS else []
    transformed = tuple(dict.fromkeys((*case.capture.manifest.transformed, *case.own.transformed)))
    notes += [limits.inside_transforms(transformed)] if transformed else []
    notes += [limits.killed(case.port.killed)] if case.port.killed else []
    return [*notes, *(limits.unanswered(*failed) for failed in case.port.asides.unanswered.items())]


def _value(reading: Reading, target: str | None) -> float | None:
    return None if target is None else reading.targets.get(target)


def _named(described: Described) -> str:
    return f"{described.framework} {described.version}"
