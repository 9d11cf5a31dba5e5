"""Find the line to blame in the code that no module covers: the loss, the target assignment, what ``step`` does itself.

Every layer's output is the reference's while this is asked, so that only plain code is left. Variables of watched
functions are then sites like any other: compared, and given the reference's value. A name may mean another thing on
both sides; such a variable heals nothing, and so is never blamed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.code_search import CodeAnswer
from bisect_tool.compare.tolerance import SAFETY, Interval
from bisect_tool.culprit import Culprit, Line, Proof
from bisect_tool.diagnosis.values.checks import describe, sentence
from bisect_tool.diagnosis.values.evidence import Array, Evidence
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.forced_pass import error_of, floor_of, inputs_off, worst
from bisect_tool.line_names import Variable
from bisect_tool.line_reads import unclear_before
from bisect_tool.probes.intervention import Comparison, Reading
from bisect_tool.probes.port import WorkerPort
from bisect_tool.questions import Question
from bisect_tool.search.ddmin import ddmin
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site, variable_of
from bisect_tool.statements import FLOOR, Lines, Statement
from bisect_tool.trace import Trace

MOST_TRIED = 32  # statements that are patched alone, one after the other


def with_lines(
    code: CodeAnswer,
    questions: Mapping[str, tuple[Question, Interval]],
    port: WorkerPort,
    capture: Capture,
    trace: Trace,
) -> CodeAnswer:
    """Return the answer with lines for the culprits that are plain code: after the last layer, or around the layers.

    ``questions`` has each target that is asked about, with where it may lie once all layers are right.
    """
    (question, _), *_ = questions.values()
    coded = {variable.around for variable in capture.manifest.variables}
    culprits: list[Culprit] = []
    for culprit in code.culprits:
        call = None if culprit.sites[0] == STEP else culprit.sites[0]
        if culprit.doubts or call not in coded:
            culprits.append(culprit)
        elif not culprit.held:
            lines = Lines(port, capture, question.base.patching(trace.outermost(trace.sites)))
            culprits += _after_the_layers(code, culprit, questions, lines)
        else:
            seen = culprit.fed_wrong or culprit.sites[0]
            around = {*(trace.chain(call) if call else ()), *trace.chain(seen)[1:]}
            layers = question.base.patching(set(trace.sites) - around).feeding([call] if call else [])
            culprits.append(_inside(question, Lines(port, capture, layers, call, seen), culprit, trace))
    return dataclasses.replace(code, culprits=tuple(culprits))


def _after_the_layers(
    code: CodeAnswer, loss: Culprit, questions: Mapping[str, tuple[Question, Interval]], lines: Lines
) -> list[Culprit]:
    """Return the lines that make targets diverge although all layers are the reference's.

    Where no line can be proved, the culprit that was known is returned, with what was seen: the code after the last layer.
    """
    found: list[Culprit] = []
    for question, interval in questions.values():
        asked = dataclasses.replace(question, interval=interval)
        if code.forced is None or asked.verdict(code.forced.reading) is not Verdict.DIVERGES:
            continue
        search = _Search(asked, lines, asked.verdict)
        held = search.healing()
        if len(held) == 1 and search.is_the_target(held[0]) and search.rests_on_unclear(held[0]):
            held, last = [], held[0]
        else:
            last = None
        lines_held = _by_line(held)
        named = [
            search.beside([s for other in lines_held if other is not statements for s in other]).culprit(
                statements, held
            )
            for statements in lines_held
        ] or [search.unplaced(loss, last)]
        if len(questions) > 1:
            named = [_naming(question.target, culprit) for culprit in named]
        found += [culprit for culprit in named if culprit.sites not in [other.sites for other in found]]
    return found


def _naming(target: str, culprit: Culprit) -> Culprit:
    """Return a culprit whose proofs say which target their values are of."""

    def naming(one: Proof | None) -> Proof | None:
        if one is None or one.value is None:
            return one
        return Proof(f"{one.what}: {target} {one.value:.7g}", None, one.verdict)

    return dataclasses.replace(culprit, sufficient=naming(culprit.sufficient), necessary=naming(culprit.necessary))


def _inside(question: Question, lines: Lines, culprit: Culprit, trace: Trace) -> Culprit:
    """Return a culprit, the code around some calls, with the line that makes it wrong, where one can be proved.

    What it gets wrong is its output, or what it hands to a call inside it.
    """
    seen = lines.seen

    def verdict(reading: Reading) -> Verdict:
        if reading.failure is not None or seen is None or seen not in reading.watched:
            return Verdict.UNRESOLVED
        off = inputs_off(reading, seen, trace) if culprit.fed_wrong else error_of(reading, seen) > floor_of(trace, seen)
        return Verdict.DIVERGES if off else Verdict.AGREES

    search = _Search(question, lines, verdict)
    held = search.healing() if search.verdict(search.free) is Verdict.DIVERGES else []
    if not held:
        return culprit
    findings = [found for statement in held for found in (*search.said(statement), *search.context(statement))]
    return dataclasses.replace(culprit, findings=(*culprit.findings, *findings), line=search.line(held[0]))


def _by_line(statements: Sequence[Statement]) -> list[list[Statement]]:
    found: dict[str, list[Statement]] = {}
    for statement in statements:
        found.setdefault(statement.theirs.place, []).append(statement)
    return list(found.values())


class _Search:
    """The probes about some lines, and what the first of them showed: the port while all that they read is right."""

    def __init__(
        self,
        question: Question,
        lines: Lines,
        verdict: Callable[[Reading], Verdict],
        others: Sequence[Statement] = (),
    ) -> None:
        self.lines = lines
        self.question = question
        self.verdict = verdict
        self.others = others  # what else is to blame: it is patched in every probe
        self.free = self._ask("all that the lines read patched, lines watched", ())

    def beside(self, others: Sequence[Statement]) -> _Search:
        """Return the search for what is wrong once some other statements are right."""
        return _Search(self.question, self.lines, self.verdict, others) if others else self

    def _ask(self, what: str, patched: Sequence[Site]) -> Reading:
        layers, seen = self.lines.layers, self.lines.seen
        watched = (*self.lines.sites, *([seen] if seen else []))
        held = [site for other in self.others for site in other.sites]
        return self.question.ask("lines", what, (*layers.patched, *held, *patched), watched, fed=layers.fed)

    def off(self, reading: Reading, statement: Statement) -> bool:
        """Tell whether a statement gives another value than the reference's, in any of its assignments."""
        return bool(self._off_sites(reading, statement))

    def _off_sites(self, reading: Reading, statement: Statement) -> list[Site]:
        return [site for site in statement.sites if self._is_off(reading, site)]

    def _first_off(self, statement: Statement) -> Site:
        """Return a statement's first assignment that is off; its first one where rounding could explain them all."""
        return next(iter(self._off_sites(self.free, statement)), statement.sites[0])

    @staticmethod
    def _is_off(reading: Reading, site: Site) -> bool:
        if site not in reading.watched or error_of(reading, site) > SAFETY * FLOOR:
            return True
        return any(c.misplaced for c in reading.watched[site].output)

    def suspects(self) -> list[Statement]:
        """Return the statements that are off as the port runs, in the order in which they are."""
        found = [s for s in self.lines.statements if s.ours.parts and self.off(self.free, s)]
        return sorted(found, key=lambda s: self._place(self._first_off(s)))

    def _place(self, site: Site) -> int:
        return self.lines.order[site]

    def healing(self) -> list[Statement]:
        """Return the statements that, patched together, make the target right, none of them for nothing.

        Where none heals alone, those are asked that are wrong by themselves.
        """
        return self._healing_alone() or self._several(self._wrong())

    def _wrong(self) -> list[Statement]:
        """Return the statements that are off although all that they read was given the reference's value.

        What does not compare means something else on both sides: it is left as it is.
        """
        known = self._comparable()
        sites = [site for statement in known for site in statement.sites]
        forced = self._ask("each line computed, compared and patched", sites)
        return [s for s in known if forced.failure is None and self.off(forced, s)]

    def _comparable(self) -> list[Statement]:
        def compares(site: Site) -> bool:
            return site in self.free.watched and all(c.mismatch is None for c in self.free.watched[site].output)

        return [s for s in self.lines.statements if s.ours.parts and all(map(compares, s.sites))]

    def _several(self, wrong: Sequence[Statement]) -> list[Statement]:
        """Return the fewest of these that heal together, where all else that compares is right then.

        What stays off means something else on both sides, or is in other units: then what heals may only undo that. It
        may stay off where a line of these reads it, which is said beside the line.
        """
        if not 1 < len(wrong) <= MOST_TRIED or not self._heals(wrong):
            return []
        found = ddmin(wrong, lambda chosen: self.verdict(self._patched([s for s in wrong if s in chosen])))
        reading = self._patched([s for s in wrong if s in found])
        read = {(v.place, v.name) for s in found for v in self.unclear_before(s)}
        stays_off = [s for s in self._comparable() if s not in found and self.off(reading, s)]
        return found if all((s.theirs.place, s.theirs.name) in read for s in stays_off) else []

    def _healing_alone(self) -> list[Statement]:
        """Return the first statement that, patched alone, makes the target right; or those before it that make it right.

        Where one line reads what two others got wrong, it alone heals too: it is not to blame, since it is right once
        those before it are.
        """
        suspects = self.suspects()
        for number, statement in enumerate(suspects[:MOST_TRIED]):
            if self._heals([statement]):
                first = self._first_needed(statement, suspects[number + 1 :])
                before = suspects[: suspects.index(first)]
                return self._fewest(before) if before and self._made_by(before, first) else [first]
        return []

    def _first_needed(self, statement: Statement, later: Sequence[Statement]) -> Statement:
        """Return which of the statements of a loop is the first that must be patched, given one that heals.

        In a loop a statement may be off where it does no harm (ties that are broken otherwise), before another one is
        where it does.
        """
        needed = self._needed_from(statement)
        rivals = [s for s in later if self._place(self._first_off(s)) < needed and self._heals([s])]
        return min([statement, *rivals], key=self._needed_from) if rivals else statement

    def _needed_from(self, statement: Statement) -> int:
        """Return the place of a statement's first assignment that cannot be left as it is."""
        sites = self._off_sites(self.free, statement)
        while (
            len(sites) > 1
            and self.verdict(self._ask(f"{statement.name} from {sites[1]} on", sites[1:])) is Verdict.AGREES
        ):
            sites = sites[1:]
        return self._place(sites[0])

    def _made_by(self, before: Sequence[Statement], statement: Statement) -> bool:
        reading = self._patched(before)
        return self.verdict(reading) is Verdict.AGREES and not self.off(reading, statement)

    def _fewest(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return those that must be patched to make the target right, the earlier ones where there is a choice.

        The last of the shortest run from the start that heals is needed; then the last of the shortest run before it that
        heals together with it, and so on. Names that mean something else may break the target alone and not together.
        """
        chosen: list[Statement] = []
        rest = list(statements)
        while not chosen or not self._heals(chosen):
            number = next((n for n in range(1, len(rest) + 1) if self._heals([*rest[:n], *chosen])), None)
            if number is None:
                return list(statements)
            chosen, rest = [rest[number - 1], *chosen], rest[: number - 1]
        return chosen

    def _heals(self, statements: Sequence[Statement]) -> bool:
        return self.verdict(self._patched(statements)) is Verdict.AGREES

    def _patched(self, statements: Sequence[Statement]) -> Reading:
        what = listed([statement.name for statement in statements], 2)
        return self._ask(f"{what} alone", [site for statement in statements for site in statement.sites])

    def culprit(self, statements: Sequence[Statement], held: Sequence[Statement]) -> Culprit:
        """Return what one line assigns as a culprit, with its two probes and what is known of it."""
        first, target = statements[0], self.question.target
        sites = tuple(site for statement in statements for site in statement.sites)
        healed = self._patched(statements)
        right = self._right_before(first)
        before = self._ask(f"everything before {first.name} that agrees", right)
        still_off = any(self.off(before, statement) for statement in statements)
        return Culprit(
            "code",
            sites,
            sites,
            sufficient=Proof(
                f"{listed([s.name for s in held])} patched, beside every layer",
                healed.targets.get(target),
                self.verdict(healed),
            ),
            necessary=Proof(
                f"{counted(len(right), 'assignment')} before {first.name} patched, beside every layer",
                before.targets.get(target),
                self.verdict(before) if still_off else Verdict.UNRESOLVED,
            ),
            findings=(*(found for s in statements for found in self.said(s)), *self.context(first), *self.swallowed()),
            line=self.line(first),
        )

    def line(self, statement: Statement) -> Line:
        """Return where a statement stands on both sides."""
        mine = self.lines.excerpt(statement.theirs, port=True)
        places = [v.place for v in self.unclear_before(statement)]
        return Line(self.lines.excerpt(statement.ours, port=False), mine, tuple(dict.fromkeys(places)))

    def _right_before(self, statement: Statement) -> list[Site]:
        before = self.lines.statements[: self.lines.statements.index(statement)]
        return [site for other in before if not self.off(self.free, other) for site in other.sites]

    def said(self, statement: Statement) -> Iterator[Finding]:
        """Say how far a statement's value is off and where it stands, and what is wrong with it where that is known."""
        site = self._first_off(statement)
        off = (
            _how_far(self.free.watched[site].output) if site in self.free.watched else "no value: it is never assigned"
        )
        pairs = self._values(site)
        if len(pairs) == 1 and pairs[0][0].size == pairs[0][1].size == 1:
            off = "{:.6g} for {:.6g}".format(*(float(array.reshape(-1)[0]) for array in pairs[0]))
        where = f"{statement.theirs.place} (reference {statement.ours.place})"
        rest = (
            f", and {counted(len(statement.sites) - 1, 'other assignment')} there" if len(statement.sites) > 1 else ""
        )
        yield Finding("line", statement.sites[:1], f"{where}: {site} gets {off}{rest}")
        framework = self.lines.port.described.framework
        for value, expected in pairs:
            if value.shape == expected.shape and np.allclose(value, expected, rtol=SAFETY * FLOOR, equal_nan=True):
                continue
            if expected.size > 1 and value.size:
                both = f"port {_statistics(value)}; reference {_statistics(expected)}"
                yield Finding("statistics", (site,), both)
            words = describe(Evidence(site, value, expected, framework=framework, floor=SAFETY * FLOOR))
            if words:
                yield Finding("values", (site,), sentence(f"the value of {site}", "; ".join(words)))
            return

    def _values(self, site: Site) -> list[tuple[Array, Array]]:
        """Return the parts of a variable on both sides: the port's, in the reference's shape where only 1s differ."""
        handed = self.lines.port.values(self.lines.layers.watching(self.lines.sites), [site]).get(site)
        keys = list(tensor_keys(self.lines.capture.variables[site]))
        if handed is None or len(handed.output) != len(keys):
            return []
        pairs = [
            (value, self.lines.capture.read(key)) for (_, value), (_, key) in zip(handed.output, keys, strict=True)
        ]
        return [(v.reshape(e.shape) if np.squeeze(v).shape == np.squeeze(e).shape else v, e) for v, e in pairs]

    def context(self, statement: Statement) -> Iterator[Finding]:
        """Say what a statement was taken for, and what it rests on that nothing clears."""
        why = self.lines.pairs.proposed.get(statement.sites[0])
        if why:
            words = f"the port's {statement.theirs.site} is taken for {statement.name}: by {why}"
            yield Finding("name", statement.sites[:1], words)
        unclear = []
        for variable in self.unclear_before(statement):
            shown = f"{variable_of(variable.site)} ({variable.place})"
            anew = self._replaced(self.lines.to_ours.get(variable.site))
            if anew is None:
                unclear.append(shown)
            else:
                words = f"{statement.name} is computed from {shown}: the reference assigns it anew at {anew.place}, the port does not"
                yield Finding("not assigned", statement.sites[:1], words)
        if unclear:
            words = f"{statement.name} is computed from {listed(list(dict.fromkeys(unclear)), 6)}: the reference has no counterpart that agrees"
            yield Finding("reads", statement.sites[:1], words)

    def rests_on_unclear(self, statement: Statement) -> bool:
        """Tell whether a line reads variables of its own function that nothing clears."""
        return any(v.function == statement.theirs.function for v in self.unclear_before(statement))

    def is_the_target(self, statement: Statement) -> bool:
        """Tell whether a statement's value is the target itself: patching it proves nothing but that."""
        site = next(reversed(self._off_sites(self.free, statement)), statement.sites[-1])
        wanted = self.lines.capture.manifest.targets[self.question.target]
        arrays = [self.lines.capture.read(key) for _, key in tensor_keys(self.lines.capture.variables[site])]
        return any(a.size == 1 and np.isclose(float(a.reshape(-1)[0]), wanted, rtol=1e-5) for a in arrays)

    def unclear_before(self, statement: Statement) -> list[Variable]:
        """Return what a line reads, and what that was computed from, as far back as nothing clears it."""

        def is_clear(variable: Variable) -> bool:
            site = self.lines.to_ours.get(variable.site)
            if variable_of(variable.site) in self.lines.survey.cut or self._replaced(site):
                return False
            return site is not None and site in self.free.watched and not self._is_off(self.free, site)

        first = self.lines.pairs.to_port[self._first_off(statement)]
        variable = next(v for v in self.lines.survey.variables if v.site == first)
        found = unclear_before(variable, self.lines.survey.variables, self.lines.survey.excerpts, is_clear)
        return [v for v in found if self.lines.to_ours.get(v.site) not in statement.sites]

    def _replaced(self, site: Site | None) -> Variable | None:
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

    def swallowed(self) -> Iterator[Finding]:
        """Say which exceptions the port caught that the reference did not."""
        known = {(row.function, row.type) for row in self.lines.capture.manifest.caught}
        for row in self.lines.survey.caught:
            if (row.function, row.type) not in known:
                message = f"{row.raised} raised {row.type}: {row.message}; caught at {row.place}, and the run went on"
                yield Finding("swallowed exception", (), message)

    def unplaced(self, after_the_last: Culprit, last: Statement | None = None) -> Culprit:
        """Return the code after the last layer as the culprit, with what is known of its lines.

        ``last`` is the line that computes the target itself, where what it reads cannot be compared.
        """
        found = [*after_the_last.findings]
        first = next(iter(self.suspects()), None)
        if last is not None:
            found += [*self.said(last), *self.context(last)]
        elif first is not None:
            said = (
                worst(self.free.watched[first.sites[0]].output) if first.sites[0] in self.free.watched else "no value"
            )
            message = (
                f"the first variable that differs is {first.name}: {said}; no line could be proved to be the cause"
            )
            found.append(Finding("line", first.sites[:1], message))
        found += self.swallowed()
        cut = dict.fromkeys(sorted(self.lines.survey.cut), "assigned too often, only the first times were compared")
        skipped = {**self.lines.capture.manifest.skipped, **self.lines.survey.skipped, **cut}
        if skipped:
            message = listed([f"{name}: {why}" for name, why in skipped.items()])
            found.append(Finding("not watched", (), message))
        line = self.line(last) if last is not None else None
        return dataclasses.replace(after_the_last, findings=tuple(found), line=line)


def _how_far(output: Sequence[Comparison]) -> str:
    """Say how far a variable is off: by its norm, or by the elements that are wholly wrong where that hides them."""
    misplaced = sum(c.misplaced for c in output)
    hidden = misplaced and not any(c.exceeds(SAFETY * FLOOR) for c in output)
    return f"{counted(misplaced, 'element')} that are wholly wrong" if hidden else worst(output)


def _statistics(array: Array) -> str:
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    lost = f", {values.size - finite.size} not finite" if finite.size < values.size else ""
    if not finite.size:
        return f"{list(array.shape)} all NaN or infinite"
    return (
        f"{list(array.shape)} {finite.mean():.4g} ± {finite.std():.4g}, {finite.min():.4g} to {finite.max():.4g}{lost}"
    )
