"""Find the line to blame in the code that no module covers: the loss, the target assignment, what ``step`` does itself.

Every layer's output is the reference's while this is asked, so that only plain code is left. Variables of watched
functions are then sites like any other: compared, and given the reference's value. A name may mean another thing on
both sides; such a variable heals nothing, and so is never blamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.forced_pass import Forced
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.lines import words as line_words
from bisect_tool.axes.lines.healing import healing, several, wrong
from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import Lines, Statement
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.culprit import Culprit, WrongCaller, WrongLine
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, inputs_off, worst
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP


def _search(case: Case) -> Answer:
    """Name the lines of culprits that are plain code: after the last layer, or around the layers."""
    calls = case.answer(CallsAnswer)
    if calls is None or calls.forced is None:
        return Answer()
    questions = case.questions if case.target is None else {case.target: case.questions[case.target]}
    question, trace = case.question, case.trace
    coded = {variable.around for variable in case.capture.manifest.variables}
    sharper: dict[Culprit, tuple[Culprit, ...]] = {}
    for culprit in calls.culprits:
        call = None if culprit.sites[0] == STEP else culprit.sites[0]
        if culprit.doubts or call not in coded:
            continue
        if not culprit.held:
            lines = Lines(case.port, case.capture, question.base.patching(trace.outermost(trace.sites)))
            sharper[culprit] = tuple(_after_the_layers(calls.forced, culprit, questions, lines))
        else:
            seen = culprit.feeds[0] if isinstance(culprit, WrongCaller) else culprit.sites[0]
            around = {*(trace.chain(call) if call else ()), *trace.chain(seen)[1:]}
            layers = question.base.patching(set(trace.sites) - around).feeding([call] if call else [])
            sharper[culprit] = (_inside(question, Lines(case.port, case.capture, layers, call, seen), culprit, trace),)
    return Answer(sharper=sharper)


def _after_the_layers(
    forced: Forced, loss: Culprit, questions: Mapping[str, TargetQuestion], lines: Lines
) -> list[Culprit]:
    """Return the lines that make targets diverge although all layers are the reference's.

    Where no line can be proved, the culprit that was known is returned, with what was seen: the code after the last layer.
    """
    found: list[Culprit] = []
    for question in questions.values():
        asked = dataclasses.replace(question.question, interval=question.loss)
        if asked.verdict(forced.reading) is not Verdict.DIVERGES:
            continue
        probes = LineProbes(asked, lines, asked.verdict)
        held = healing(probes)
        last = held[0] if len(held) == 1 and _rests_on_unclear(probes, held[0]) else None
        named = _with_what_it_reads(probes, last) if last else []
        if last and not named and _is_the_target(probes, last):
            named = [_unplaced(probes, loss, last)]
        named = named or _culprits(probes, held) or [_unplaced(probes, loss)]
        found += [culprit for culprit in named if culprit.sites not in [other.sites for other in found]]
    return found


def _culprits(probes: LineProbes, held: Sequence[Statement]) -> list[Culprit]:
    found = []
    for statements in _by_line(held):
        others = [s for s in held if s not in statements]
        beside = probes.beside(others)
        if beside.free.failure is not None:  # what is patched later may not fit what is wrong before it
            earlier = probes.lines.statements[: probes.lines.statements.index(statements[0])]
            beside = probes.beside([s for s in others if s in earlier])
        found.append(_culprit(beside, statements, held))
    return found


def _with_what_it_reads(probes: LineProbes, last: Statement) -> list[Culprit]:
    """Return the lines that make wrong what a line reads that heals alone, and that line where it is wrong by itself.

    The target shows only that line: it is right once that is patched, whatever it reads. So the others are asked about
    what it reads. Nothing is named unless all that compares is right then: in other units it would not be.
    """
    itself = wrong(probes)
    if last not in itself:
        return _culprits(probes, several(probes, itself))
    unclear = {(v.place, v.name) for v in probes.unclear_before(last)}
    # What is wrong by itself is so in every reading, also where it is patched.
    known = [s for s in probes.comparable() if s not in itself and probes.off(probes.free, s)]
    reads = [s for s in known if (s.theirs.place, s.theirs.name) in unclear]

    def verdict(reading: Reading) -> Verdict:
        if reading.failure is not None:
            return Verdict.UNRESOLVED
        return Verdict.DIVERGES if any(probes.off(reading, s) for s in reads) else Verdict.AGREES

    before = LineProbes(probes.question, probes.lines, verdict)
    held = healing(before) if reads else []
    healed = probes.beside(held).patched([last])
    if not held or any(probes.off(healed, s) for s in probes.comparable() if s not in [*held, last]):
        return []
    others = [_reworded(c, lambda proof: f"{proof.what}: what {last.name} reads") for c in _culprits(before, held)]
    return [*others, _culprit(probes.beside(held), [last], [*held, last])]


def _reworded(culprit: Culprit, words: Callable[[Proof], str]) -> Culprit:
    """Return a culprit whose proofs say in words what their values are, where they have any."""

    def reworded(one: Proof | None) -> Proof | None:
        return one if one is None or one.value is None else Proof(words(one), one.verdict)

    return dataclasses.replace(culprit, sufficient=reworded(culprit.sufficient), necessary=reworded(culprit.necessary))


def _inside(question: Question, lines: Lines, culprit: Culprit, trace: Trace) -> Culprit:
    """Return a culprit, the code around some calls, with the line that makes it wrong, where one can be proved.

    What it gets wrong is its output, or what it hands to a call inside it.
    """
    seen = lines.seen

    def verdict(reading: Reading) -> Verdict:
        if reading.failure is not None or seen is None or seen not in reading.watched:
            return Verdict.UNRESOLVED
        off = (
            inputs_off(reading, seen, trace)
            if isinstance(culprit, WrongCaller)
            else error_of(reading, seen) > call_floor(trace, seen)
        )
        return Verdict.DIVERGES if off else Verdict.AGREES

    probes = LineProbes(question, lines, verdict)
    held = healing(probes) if verdict(probes.free) is Verdict.DIVERGES else []
    if not held:
        return culprit
    findings = [
        found
        for statement in held
        for found in (*line_words.said(probes, statement), *line_words.context(probes, statement))
    ]
    return dataclasses.replace(culprit, findings=(*culprit.findings, *findings), line=line_words.line(probes, held[0]))


def _by_line(statements: Sequence[Statement]) -> list[list[Statement]]:
    found: dict[str, list[Statement]] = {}
    for statement in statements:
        found.setdefault(statement.theirs.place, []).append(statement)
    return list(found.values())


def _culprit(probes: LineProbes, statements: Sequence[Statement], held: Sequence[Statement]) -> Culprit:
    """Return what one line assigns as a culprit, with its two probes and what is known of it."""
    first, target = statements[0], probes.question.target
    sites = tuple(site for statement in statements for site in statement.sites)
    healed = probes.patched(held)
    right = probes.right_before(first)
    before = probes.ask(f"everything before {first.name} that agrees", right)
    still_off = any(probes.off(before, statement) for statement in statements)
    return WrongLine(
        sites=sites,
        sufficient=Proof(
            f"{listed([s.name for s in held])} patched, beside every layer",
            probes.verdict(healed),
            target,
            healed.targets.get(target),
        ),
        necessary=Proof(
            f"{counted(len(right), 'assignment')} before {first.name} patched, beside every layer",
            probes.verdict(before) if still_off else Verdict.UNRESOLVED,
            target,
            before.targets.get(target),
        ),
        findings=(
            *(found for s in statements for found in line_words.said(probes, s)),
            *line_words.context(probes, first),
            *line_words.swallowed(probes.lines),
        ),
        line=line_words.line(probes, first),
    )


def _rests_on_unclear(probes: LineProbes, statement: Statement) -> bool:
    """Tell whether a line reads variables of its own function that nothing clears."""
    return any(v.function == statement.theirs.function for v in probes.unclear_before(statement))


def _is_the_target(probes: LineProbes, statement: Statement) -> bool:
    """Tell whether a statement's value is the target itself: patching it proves nothing but that."""
    site = next(reversed(probes.off_sites(probes.free, statement)), statement.sites[-1])
    wanted = probes.lines.capture.manifest.targets[probes.question.target]
    arrays = [probes.lines.capture.read(key) for _, key in tensor_keys(probes.lines.capture.variables[site])]
    return any(a.size == 1 and np.isclose(float(a.reshape(-1)[0]), wanted, rtol=1e-5) for a in arrays)


def _unplaced(probes: LineProbes, after_the_last: Culprit, last: Statement | None = None) -> Culprit:
    """Return the code after the last layer as the culprit, with what is known of its lines.

    ``last`` is the line that computes the target itself, where what it reads cannot be compared.
    """
    found = [*after_the_last.findings]
    first = next(iter(probes.suspects()), None)
    if last is not None:
        found += [*line_words.said(probes, last), *line_words.context(probes, last)]
    elif first is not None:
        said = (
            worst(probes.free.watched[first.sites[0]].output) if first.sites[0] in probes.free.watched else "no value"
        )
        message = f"the first variable that differs is {first.name}: {said}; no line could be proved to be the cause"
        found.append(Finding("line", first.sites[:1], message))
    found += line_words.swallowed(probes.lines)
    cut = dict.fromkeys(sorted(probes.lines.survey.cut), "assigned too often, only the first times were compared")
    skipped = {**probes.lines.capture.manifest.skipped, **probes.lines.survey.skipped, **cut}
    if skipped:
        message = listed([f"{name}: {why}" for name, why in skipped.items()])
        found.append(Finding("not watched", (), message))
    line = line_words.line(probes, last) if last is not None else None
    return dataclasses.replace(after_the_last, findings=tuple(found), line=line)


LINES = Axis("lines", frozenset({"survey"}), "lines of code were not looked for", _search)
