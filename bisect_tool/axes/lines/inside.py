"""The line to blame in the own code of a module, or in what ``step`` hands to a layer."""

from __future__ import annotations

import dataclasses

from bisect_tool.axes.lines import findings
from bisect_tool.axes.lines.healing import healing
from bisect_tool.axes.lines.probes import Judge, open_probes
from bisect_tool.axes.lines.statements import SharedLines
from bisect_tool.culprit import Culprit, WrongCaller
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, inputs_off
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site


def with_line(culprit: Culprit, seen: Site, question: Question, lines: SharedLines, trace: Trace) -> Culprit:
    """Return a culprit, the code around some calls, with the line that makes it wrong, where one can be proved.

    What it gets wrong is the output of the call ``seen``, or what it hands to it.
    """
    verdict = _judging(culprit, seen, trace)
    probes = open_probes(question, lines, verdict)
    held = healing(probes) if verdict(probes.free) is Verdict.DIVERGES else []
    if not held:
        return culprit
    known = [f for s in held for f in (*findings.said(probes, s), *findings.context(probes, s))]
    return dataclasses.replace(culprit, findings=(*culprit.findings, *known), line=findings.line(probes, held[0]))


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
