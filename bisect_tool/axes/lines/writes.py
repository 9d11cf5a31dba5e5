"""The line that writes a buffer which a call leaves otherwise: the port's own, whatever the reference's code looks like."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.lines.reads import unclear_before
from bisect_tool.culprit import Line, WrongCaller, WrongCalls
from bisect_tool.finding import Finding
from bisect_tool.probes.handed import Survey, Variable
from bisect_tool.sentences import buffers as sentences
from bisect_tool.sites import Site, module_of


def with_writing_line(case: Case, culprit: WrongCalls) -> WrongCalls:
    """Return a culprit with the last line of its first call that writes one of its buffers, and what that rests on."""
    call = culprit.sites[0]
    survey = case.port.asides.survey(case.question.base)
    writers = list(_writers(case, survey, call, culprit.leaves))
    if not writers:
        return culprit
    found, line = _last_of(survey, writers, call, sentences.written_at)
    return dataclasses.replace(culprit, findings=(*culprit.findings, found), line=line)


def with_line_before_call(case: Case, culprit: WrongCaller, name: str) -> WrongCaller:
    """Return a culprit with the last line that writes what its call begins with otherwise, before that call."""
    call = culprit.feeds[0]
    survey = case.port.asides.survey(case.question.base)
    written = case.pair.matching.state.get(name)
    following = survey.next_after.get(call)
    if written is None or following is None:
        return culprit
    before = survey.variables[: survey.variables.index(following)]
    writers = [
        (Site(name), one) for one in before if written in one.writes and call not in case.trace.chain(one.around)
    ]
    if not writers:
        return culprit
    found, line = _last_of(survey, writers, call, sentences.written_before)
    return dataclasses.replace(culprit, findings=(*culprit.findings, found), line=line)


def _last_of(
    survey: Survey, writers: Sequence[tuple[Site, Variable]], call: Site, words: Callable[[str, str, str], str]
) -> tuple[Finding, Line]:
    """Return what is said of the last of some lines that write a tensor, and that line with what it rests on."""
    name, last = writers[-1]
    # Of what the line reads nothing is compared but the call's own arguments.
    before = unclear_before(last, survey.variables, survey.excerpts, lambda variable: variable.passed)
    places = [variable.place for variable in (*before, *(other for _, other in writers))]
    unclear = tuple(place for place in dict.fromkeys(places) if place != last.place)
    found = Finding("line", (call,), words(name, last.place, call))
    return found, Line(None, survey.excerpts.get(last.place), unclear)


def _writers(case: Case, survey: Survey, call: Site, names: tuple[Site, ...]) -> Iterator[tuple[Site, Variable]]:
    """Yield the assignments in a call that write some buffers of its module, in order."""
    matching = case.pair.matching
    ours = module_of(call)
    theirs = matching.modules[ours]
    own = {}
    for name in names:  # an attribute that is no buffer has the same name in the port
        written = matching.state.get(name, name.replace(ours, theirs, 1))
        own[f"self.{written.removeprefix(f'{theirs}.')}"] = name
    for variable in survey.variables:
        for path, name in own.items():
            if variable.around == call and f"{variable.name}.".startswith(f"{path}."):
                yield name, variable
