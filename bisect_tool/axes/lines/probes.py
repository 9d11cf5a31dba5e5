"""The probes about the lines of one piece of plain code, and what the first of them shows: which are off, and on what they rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from bisect_tool.axes.lines.reads import is_passed_on, stands_at, unclear_before
from bisect_tool.axes.lines.statements import SharedLines, Statement
from bisect_tool.axes.lines.text import WHOLE, excerpt_at, made_at, only_called
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.culprit import Mark
from bisect_tool.probes.handed import Variable
from bisect_tool.probes.reading import Comparison, Reading
from bisect_tool.questions.judging import largest
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import ROUNDING, SAFETY
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import Site, module_of, variable_of

Judge = Callable[[Reading], Verdict]


@dataclass(frozen=True)
class Marks:
    """What expressions tell of a statement that is wrong.

    Attributes: ``cleared``: the lines, its own or of what it rests on, that have no part in it; ``port`` and ``reference``: the
    expressions that make another value of right ones, where they stand in one line; ``port_line`` and ``reference_line``: that line,
    if it is another one; ``assigns``: what it assigns in the port. Where the port's code is written otherwise, there are only the
    names that it ``starts`` from, all of which are right, and the expressions that the reference has ``instead``.
    """

    cleared: frozenset[str] = frozenset()
    port: tuple[Mark, ...] = ()
    reference: tuple[Mark, ...] = ()
    port_line: str | None = None
    reference_line: str | None = None
    assigns: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineProbes:
    """The probes about some lines, and what the first of them showed.

    Attributes:
        verdict: whether what is asked about is right in a reading.
        others: what else is to blame: it is patched in every probe.
        free: the first probe, in which all that the lines read is right.
        about: the question that proofs answer, where it is not ``question``, whose target every probe shows.
        marks: what expressions tell of the statement that is looked at.

    """

    question: Question
    lines: SharedLines
    verdict: Judge
    others: tuple[Statement, ...]
    free: Reading
    about: Question | None = None
    marks: Marks = Marks()

    def ask(self, what: str, patched: Sequence[Site]) -> Reading:
        """Run one probe with some assignments given the reference's value, beside the layers and the others."""
        return _ask(self.question, self.lines, self.others, what, patched)

    def off(self, reading: Reading, statement: Statement) -> bool:
        """Tell whether a statement gives another value than the reference's, in any of its assignments."""
        return bool(self.off_sites(reading, statement))

    def off_sites(self, reading: Reading, statement: Statement) -> list[Site]:
        """Return the assignments of a statement that are off in a reading."""
        return [site for site in statement.sites if is_off(reading, site)]

    def paths_off(self, site: Site) -> list[str]:
        """Return the paths of those parts of an assignment that are off in the first probe, all where it was not compared."""
        rows = self.free.watched[site].output if site in self.free.watched else ()
        off = [row.path for row in rows if is_part_off(row)]
        return off if rows else [path for path, _ in tensor_keys(self.lines.capture.variables[site])]

    def agrees(self, sites: Iterable[Site]) -> bool:
        """Tell whether some assignments agree with the reference's as the port runs: all are compared, and none is off."""
        return not any(is_off(self.free, site) for site in sites)

    def first_off(self, statement: Statement) -> Site:
        """Return a statement's first assignment that is off; its first one where rounding could explain them all."""
        return next(iter(self.off_sites(self.free, statement)), statement.sites[0])

    def suspects(self) -> list[Statement]:
        """Return the statements that are off as the port runs, in the order in which they are."""
        found = [s for s in self.lines.statements if s.ours.parts and self.off(self.free, s)]
        return sorted(found, key=lambda s: self.place(self.first_off(s)))

    def place(self, site: Site) -> int:
        """Return how many assignments the port makes before this one."""
        return self.lines.order[site]

    def comparable(self) -> list[Statement]:
        """Return the statements whose values can be compared: those of the same shape as the reference's."""

        def compares(site: Site) -> bool:
            if site not in self.free.watched:
                return False
            return all(c.mismatch is None or c.misplaced for c in self.free.watched[site].output)

        return [s for s in self.lines.statements if s.ours.parts and all(map(compares, s.sites))]

    def heals(self, statements: Sequence[Statement]) -> bool:
        """Tell whether some statements, patched together, make right what is asked about."""
        return self.verdict(self.patched(statements)) is Verdict.AGREES

    def patched(self, statements: Sequence[Statement]) -> Reading:
        """Run with some statements given the reference's values."""
        what = sentences.alone([statement.name for statement in statements])
        return self.ask(what, [site for statement in statements for site in statement.sites])

    def proof(self, what: str, reading: Reading) -> Proof:
        """Return what a reading proves; ``what`` says what was put right in it."""
        return (self.about or self.question).proof(what, reading)

    def right_before(self, statement: Statement) -> list[Site]:
        """Return the assignments of the statements before one that agree by themselves."""
        before = self.lines.statements[: self.lines.statements.index(statement)]
        return [site for other in before if not self.off(self.free, other) for site in other.sites]

    def unclear_before(self, statement: Statement) -> list[Variable]:
        """Return what a line reads, and what that was computed from, as far back as nothing clears it."""
        first = self.lines.pairs.to_port[self.first_off(statement)]
        found = self.unclear_to(next(v for v in self.lines.survey.variables if v.site == first))
        own, cleared = statement.sites, self.marks.cleared
        return [v for v in found if self.lines.to_ours.get(v.site) not in own and self.stands_at(v) not in cleared]

    def unclear_to(self, variable: Variable, is_clear: Callable[[Variable], bool] | None = None) -> list[Variable]:
        """Return the same of the line of any variable of the port."""
        survey = self.lines.survey
        clear = is_clear or self.is_clear
        return unclear_before(variable, survey.variables, survey.excerpts, clear, self._parts_off, self._is_off)

    def _is_off(self, variable: Variable) -> bool:
        """Tell whether a variable of the port was compared, and is not the reference's."""
        site = self.lines.to_ours.get(variable.site)
        return site is not None and site in self.free.watched and is_off(self.free, site)

    def stands_at(self, variable: Variable) -> str:
        """Return the line that makes what is off of a variable of the port; of what a call hands over together, its first."""
        survey = self.lines.survey
        place = stands_at(variable, survey.variables, survey.excerpts, self._parts_off(variable))
        return place if not variable.passed or place == variable.declared else variable.place

    def excerpts_of(self, statement: Statement) -> tuple[Excerpt | None, Excerpt | None]:
        """Return the lines that make what is off of a statement, the reference's and the port's, with those around them."""
        survey, manifest = self.lines.survey, self.lines.capture.manifest
        port = self.lines.pairs.to_port[self.first_off(statement)]
        theirs = next(v for v in survey.variables if v.site == port)
        off = self._parts_off(theirs)
        place = made_at(statement.ours.place, statement.ours.name, manifest.excerpts, off)
        ours = place if not statement.ours.passed else statement.ours.place
        return (
            excerpt_at(ours, statement.ours.place, manifest.excerpts),
            excerpt_at(stands_at(theirs, survey.variables, survey.excerpts, off), theirs.place, survey.excerpts),
        )

    def is_given(self, variable: Variable) -> bool:
        """Tell whether a variable is an argument of a call whose arguments are known to be right."""
        return variable.passed and variable.function == self.lines.given

    def is_clear(self, variable: Variable) -> bool:
        """Tell whether a variable of the port agrees with the reference's, and is not out of date there; or is such an argument."""
        if self.is_given(variable) or self._is_a_patched_call_s(variable):
            return True
        site = self.lines.to_ours.get(variable.site)
        if variable_of(variable.site) in self.lines.survey.cut:
            return False
        if site is not None and site in self.free.watched:
            return not is_off(self.free, site) and self.replaced(site) is None
        return is_passed_on(variable, self.lines.survey.variables, self.lines.survey.excerpts, self._parts_right)

    def _is_a_patched_call_s(self, variable: Variable) -> bool:
        """Tell whether a variable is nothing but what a call gave that gives the reference's value."""
        if variable.after is None or variable.after not in self.lines.layers.patched or variable.passed:
            return False
        called = only_called(variable.place, variable.name, self.lines.survey.excerpts)
        module = module_of(self.question.port.port_call(variable.after) or "")
        return called is not None and called == module.rpartition(".")[2]

    def _parts_off(self, variable: Variable) -> Collection[str]:
        """Return the paths of a variable's parts that are off, where all of them compare; else that of the whole."""
        site = self.lines.to_ours.get(variable.site)
        rows = self.free.watched[site].output if site in self.free.watched else ()
        off = [c.path for c in rows if is_part_off(c)]
        return WHOLE if not off or any(c.mismatch for c in rows) else off

    def _parts_right(self, variable: Variable) -> Collection[str]:
        """Return the paths of a variable's parts that were compared, agree, and are not all zero."""
        site = self.lines.to_ours.get(variable.site)
        if site is None or site not in self.free.watched or variable_of(variable.site) in self.lines.survey.cut:
            return ()
        right = [c.path for c in self.free.watched[site].output if not is_part_off(c)]
        capture = self.lines.capture
        keys = dict(tensor_keys(capture.variables[site]))
        return [path for path in right if path in keys and capture.read(keys[path]).any()]

    def replaced(self, site: Site | None) -> Variable | None:
        """Return where the reference assigns a variable anew, if the port does not: what agrees is out of date there.

        Another call of the function has variables of its own.
        """
        if site is None:
            return None
        alone = {variable.site: variable for variable in self.lines.pairs.ours if not variable.passed}
        name = variable_of(site)
        ends = (name, f"{name.partition(':')[0]}:return")
        recorded = [Site(entry.site) for entry in self.lines.capture.manifest.variables]
        after = next((v for v in recorded[recorded.index(site) + 1 :] if variable_of(v) in ends), None)
        return alone.get(after) if after is not None and variable_of(after) == name else None


def open_probes(question: Question, lines: SharedLines, verdict: Judge, others: Sequence[Statement] = ()) -> LineProbes:
    """Run the first probe about some lines, and return it with what the others are asked through."""
    free = _ask(question, lines, others, sentences.WATCHED, ())
    return LineProbes(question, lines, verdict, tuple(others), free)


def beside(probes: LineProbes, others: Sequence[Statement]) -> LineProbes:
    """Return the probes of what is wrong once some other statements are right."""
    if not others:
        return probes
    opened = open_probes(probes.question, probes.lines, probes.verdict, others)
    return dataclasses.replace(opened, about=probes.about)


def is_off(reading: Reading, site: Site) -> bool:
    """Tell whether one assignment is off: as a whole, or in any element wholly (docs/tolerance.md, "A variable")."""
    return site not in reading.watched or any(map(is_part_off, reading.watched[site].output))


def is_part_off(part: Comparison) -> bool:
    """Tell whether one part of an assignment is off."""
    return largest([part]) > SAFETY * ROUNDING or part.misplaced > 0


def _ask(
    question: Question, lines: SharedLines, others: Sequence[Statement], what: str, patched: Sequence[Site]
) -> Reading:
    layers, seen = lines.layers, lines.seen
    watched = (*lines.sites, *([seen] if seen else []))
    held = [site for other in others for site in other.sites]
    intervention = layers.patching((*held, *patched)).watching(watched)
    return question.run(intervention, "lines", what, patched=len(intervention.patched), verdict=question.verdict)
