"""What is known of a line: where it stands, how far its value is off, what it was taken for, and what it rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bisect_tool.axes.lines.names import sizes
from bisect_tool.axes.lines.probes import LineProbes, Marks
from bisect_tool.axes.lines.statements import SharedLines, Statement
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.evidence import Array, Evidence
from bisect_tool.culprit import Line
from bisect_tool.finding import Finding
from bisect_tool.probes.handed import Variable
from bisect_tool.probes.reading import Comparison
from bisect_tool.questions.judging import largest
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import Site, variable_of
from bisect_tool.worker.arrays.measure import real
from bisect_tool.worker.arrays.pairs import written


def line(probes: LineProbes, statement: Statement) -> Line:
    """Return where a statement stands on both sides; in a function of another branch, where that is taken."""
    ours, theirs = probes.lines.capture.manifest.excerpts, probes.lines.survey.excerpts
    branch = probes.lines.other_branch(statement)
    if branch is not None:
        does = sentences.calls_another(branch.theirs.function, branch.ours.function)
        return Line(ours.get(branch.ours.place), theirs.get(branch.condition), does=does)
    reference, port = probes.excerpts_of(statement)
    unclear = [v for v in probes.unclear_before(statement) if not _is_another_since(probes, v)]
    found = Line(reference, port)
    defaults = [v for v in unclear if v.passed and probes.stands_at(v) == v.declared]
    handed = {(v.function, v.place) for v in unclear if v.passed and v not in defaults}
    # What a call hands over and what it leaves to defaults is one place: the call, where it hands over what is unclear too.
    shown = [v for v in unclear if v not in defaults or (v.function, v.place) not in handed]
    places = dict.fromkeys(map(probes.stands_at, shown))
    if probes.stands_at(statement.theirs) == statement.theirs.declared:
        places[statement.theirs.place] = None  # the call may be what is wrong of a default: it hands nothing over
    return _marked(probes.marks, found, list(places), ours, theirs)


def _marked(
    marks: Marks, line: Line, unclear: Sequence[str], ours: Mapping[str, Excerpt], theirs: Mapping[str, Excerpt]
) -> Line:
    """Return a line with what expressions tell: that by which it is shown may be one that it rests on, and clear it."""
    port = theirs.get(marks.port_line or "", line.port)
    own = [line.place] if line.place and line.place not in marks.cleared else []
    shown = Line(
        ours.get(marks.reference_line or "", line.reference),
        port,
        does=sentences.computes(marks.assigns) if port is not line.port and marks.assigns else None,
        reference_marks=marks.reference,
        port_marks=marks.port,
    )
    return dataclasses.replace(shown, unclear=tuple(p for p in dict.fromkeys([*unclear, *own]) if p != shown.place))


def _is_another_since(probes: LineProbes, variable: Variable) -> bool:
    """Tell whether a variable is right, and what the reference assigns to its name later is something of another size.

    What makes that something of it has its own line in the port, or stands in the line that reads it: its own line is right.
    """
    site = probes.lines.to_ours.get(variable.site)
    anew = probes.replaced(site)
    return site is not None and anew is not None and probes.agrees([site]) and sizes(anew) != sizes(variable)


def line_before(probes: LineProbes, statement: Statement, given: LineProbes) -> Line | None:
    """Return the last line that a statement rests on, where its own is right once more calls are ``given`` their values.

    So are all lines on the way that are right then. What lies in such a call is right; the line that makes the call is not cleared.
    None where the statement is not right then, or rests on nothing else.
    """
    if probes.lines.other_branch(statement) is not None or not given.agrees(statement.sites):
        return None
    more = given.lines.layers.patched - probes.lines.layers.patched
    calling = {variable.place for call, variable in probes.lines.survey.next_after.items() if call in more}
    before = probes.unclear_before(statement)
    unclear = [variable for variable in before if variable.place in calling or not given.is_clear(variable)]
    places = list(dict.fromkeys(place for v in unclear for place in _own_place(probes, statement, v)))
    if not places:
        return None
    if statement.theirs.place in calling:
        places.append(statement.theirs.place)
    ours, theirs = probes.lines.capture.manifest.excerpts, probes.lines.survey.excerpts
    return Line(ours.get(statement.ours.place), theirs.get(places[-1]), tuple(places[:-1]))


def _own_place(probes: LineProbes, statement: Statement, variable: Variable) -> Iterator[str]:
    """Yield the line of a variable, or, if it lies in a call inside, the line that makes the call: its value is assigned next."""
    around, every = statement.theirs.around, probes.lines.survey.variables
    if variable.around == around:
        if variable.place != statement.theirs.place:
            yield variable.place
        return
    later = every[every.index(variable) :]
    yield next((one.place for one in later if one.around == around), statement.theirs.place)


def said(probes: LineProbes, statement: Statement) -> Iterator[Finding]:
    """Say how far a statement's value is off and where it stands, and what is wrong with it where that is known."""
    yield from _made(probes, statement)
    site = probes.first_off(statement)
    pairs = _values(probes, site)
    how = _how_off(probes, site)
    if len(pairs) == 1 and pairs[0][0].size == pairs[0][1].size == 1:
        how = sentences.other_number(*(float(array.reshape(-1)[0]) for array in pairs[0]))
    others = len(statement.sites) - 1
    message = sentences.assigned(*_stands(probes, statement), site, how, others)
    yield Finding("line", statement.sites[:1], message)
    yield from _described(site, pairs, probes.question.port.described.framework)


def _made(probes: LineProbes, statement: Statement) -> Iterator[Finding]:
    """Say on which line before it a statement's value is made wrong, where expressions tell so: it is the line to blame."""
    if probes.marks.port_line is None:
        return
    found, reference = line(probes, statement), _stands(probes, statement)[1]
    if found.place is not None and found.does is not None:
        theirs = reference if found.reference is None else f"{found.reference.file}:{found.reference.line}"
        words = sentences.made_before(found.place, theirs, found.does, statement.name)
        yield Finding("line", statement.sites[:1], words)


def _stands(probes: LineProbes, statement: Statement) -> tuple[str, str]:
    """Return the lines of a statement on both sides, the port's first."""
    reference, port = probes.excerpts_of(statement)
    places = statement.ours.place if reference is None else f"{reference.file}:{reference.line}"
    return Line(reference, port).place or statement.theirs.place, places


def context(probes: LineProbes, statement: Statement) -> Iterator[Finding]:
    """Say what a statement was taken for, and what it rests on that nothing clears."""
    why = probes.lines.pairs.proposed.get(statement.sites[0])
    if why:
        yield Finding("name", statement.sites[:1], sentences.taken_for(statement.theirs.site, statement.name, why))
    yield from _branch(probes.lines, statement) or _inputs(probes, statement)


def _how_off(probes: LineProbes, site: Site) -> str:
    """Say how far a variable is off: by its norm, or by the elements that are wholly wrong where that hides them."""
    if site not in probes.free.watched:
        return sentences.NEVER_ASSIGNED
    output = probes.free.watched[site].output
    misplaced = sum(c.misplaced for c in output)
    if misplaced and not any(c.exceeds(SAFETY * ROUNDING) for c in output):
        return sentences.wholly_wrong(misplaced)
    return _worst(output)


def _worst(output: Sequence[Comparison]) -> str:
    mismatch = next((c.mismatch for c in output if c.mismatch), None)
    return sentences.off_by(largest(output)) if mismatch is None else sentences.mismatched(mismatch)


def _values(probes: LineProbes, site: Site) -> list[tuple[Array, Array]]:
    """Return the parts of a variable on both sides, in one form where one fits; where only 1s differ in the reference's shape."""
    port, lines = probes.question.port, probes.lines
    handed = port.asides.values(lines.layers.watching(lines.sites), [site]).get(site)
    keys = list(tensor_keys(lines.capture.variables[site]))
    if handed is None or len(handed.output) != len(keys):
        return []
    both = [(value, lines.capture.read(key)) for (_, value), (_, key) in zip(handed.output, keys, strict=True)]
    pairs = [(value, written(value, expected)) for value, expected in both]
    return [(v.reshape(e.shape) if np.squeeze(v).shape == np.squeeze(e).shape else v, e) for v, e in pairs]


def _described(site: Site, pairs: Sequence[tuple[Array, Array]], framework: str) -> Iterator[Finding]:
    """Say what is wrong with the first part of a variable that is off."""
    floor = SAFETY * ROUNDING
    off = ((v, e) for v, e in pairs if v.shape != e.shape or not np.allclose(v, e, rtol=floor, equal_nan=True))
    value, expected = next(off, (None, None))
    if value is None or expected is None:
        return
    if expected.size > 1 and value.size:
        yield Finding("statistics", (site,), sentences.both_sides(_statistics(value), _statistics(expected)))
    words = describe(Evidence(site, value, expected, framework=framework, floor=floor))
    if words:
        yield Finding("values", (site,), f"{sentences.value_of(site)} {'; '.join(words)}")


def _statistics(array: Array) -> str:
    values = real(array).astype(np.float64)
    finite = values[np.isfinite(values)]
    numbers = (finite.mean(), finite.std(), finite.min(), finite.max()) if finite.size else None
    return sentences.statistics(array.shape, numbers, values.size - finite.size)


def _branch(lines: SharedLines, statement: Statement) -> list[Finding]:
    """Say at which condition the port calls the function of a statement in another's place."""
    branch = lines.other_branch(statement)
    if branch is None:
        return []
    ours, theirs = branch.ours, branch.theirs
    words = sentences.other_branch(branch.condition, (theirs.function, theirs.place), ours.function, ours.place)
    return [Finding("branch", statement.sites[:1], words)]


def _inputs(probes: LineProbes, statement: Statement) -> list[Finding]:
    """Say what a statement rests on that nothing clears, and what of it is out of date."""
    found, unclear = [], []
    for variable in probes.unclear_before(statement):
        name, place = variable_of(variable.site), probes.stands_at(variable)
        anew = probes.replaced(probes.lines.to_ours.get(variable.site))
        if anew is None:
            unclear.append((name, place))
        else:
            words = sentences.out_of_date(statement.name, name, place, anew.place)
            found.append(Finding("not assigned", statement.sites[:1], words))
    marks = probes.marks
    if marks.starts and unclear:
        places = list(dict.fromkeys([*(place for _, place in unclear), probes.stands_at(statement.theirs)]))
        words = sentences.written_otherwise(marks.starts, statement.name, places, marks.instead)
        found.append(Finding("between", statement.sites[:1], words))
    elif unclear:
        words = sentences.unchecked(statement.name, list(dict.fromkeys(unclear)))
        found.append(Finding("reads", statement.sites[:1], words))
    return found


def first_seen(probes: LineProbes) -> Iterator[Finding]:
    """Say which variable differs first, where no line could be proved to be the cause."""
    for statement in probes.suspects()[:1]:
        site = statement.sites[0]
        how = _worst(probes.free.watched[site].output) if site in probes.free.watched else sentences.NEVER_ASSIGNED
        yield Finding("line", (site,), sentences.first_that_differs(statement.name, how))


def swallowed(lines: SharedLines) -> Iterator[Finding]:
    """Say which exceptions the port caught that the reference did not."""
    expected = {(row.function, row.type) for row in lines.capture.manifest.caught}
    for row in lines.survey.caught:
        if (row.function, row.type) not in expected:
            message = sentences.swallowed(row.raised, row.type, row.message, row.place)
            yield Finding("swallowed exception", (), message)


def not_watched(lines: SharedLines) -> Iterator[Finding]:
    """Say which functions and variables could not be looked at, or not every time."""
    cut = dict.fromkeys(sorted(lines.survey.cut), sentences.CUT)
    why = {**lines.capture.manifest.skipped, **lines.survey.skipped, **cut}
    if why:
        yield Finding("not watched", (), sentences.not_watched(why))
