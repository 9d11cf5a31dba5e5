"""The line to blame in the own code of a module, or in what ``step`` hands to a layer."""

from __future__ import annotations

import dataclasses

from bisect_tool.axes.lines import findings
from bisect_tool.axes.lines.healing import healing
from bisect_tool.axes.lines.marks import with_marks
from bisect_tool.axes.lines.probes import Judge, LineProbes, open_probes
from bisect_tool.axes.lines.statements import SharedLines
from bisect_tool.culprit import Culprit, WrongCaller
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, inputs_off
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import Site


def probes_at(culprit: Culprit, seen: Site, question: Question, lines: SharedLines, trace: Trace) -> LineProbes:
    """Return the probes about the lines of a culprit, the code around some calls.

    What it gets wrong is the output of the call ``seen``, or what it hands to it.
    """
    return open_probes(question, lines, _judging(culprit, seen, trace))


def with_line(culprit: Culprit, probes: LineProbes, given: Intervention | None = None) -> Culprit:
    """Return a culprit with the line that makes it wrong, where one can be proved.

    In the runs ``given`` more of the calls inside give the reference's values. A line that is right there is right: what
    it reads is wrong, or what those calls were handed.
    """
    held = healing(probes) if probes.verdict(probes.free) is Verdict.DIVERGES else []
    if not held:
        return culprit
    marked = [with_marks(probes, statement) for statement in held]
    known = [f for m, s in zip(marked, held, strict=True) for f in (*findings.said(m, s), *findings.context(m, s))]
    line = findings.line(marked[0], held[0])
    earlier = None
    if given is not None and len(held) == 1:
        lines = dataclasses.replace(probes.lines, layers=given)
        earlier = findings.line_before(probes, held[0], open_probes(probes.question, lines, probes.verdict))
    if earlier is not None:
        line = earlier
        known.append(Finding("given", held[0].sites[:1], sentences.right_when_given(held[0].name)))
    return dataclasses.replace(culprit, findings=(*culprit.findings, *known), line=line)


def _judging(culprit: Culprit, seen: Site, trace: Trace) -> Judge:
    """Return the verdict on readings that asks whether a culprit's code is right."""

    def verdict(reading: Reading) -> Verdict:
        if reading.failure is not None or seen not in reading.watched:
            return Verdict.UNRESOLVED
        if isinstance(culprit, WrongCaller) and seen in culprit.feeds:
            off = inputs_off(reading, seen, trace)
        else:
            off = error_of(reading, seen) > call_floor(trace, seen)
        return Verdict.DIVERGES if off else Verdict.AGREES

    return verdict
