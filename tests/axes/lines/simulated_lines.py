"""A port that is simulated: one layer, and plain code of a few lines, each of which adds up what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from manifests import SHARD
from simulated_case import BarePort, case_of

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.axes.lines.search import LINES
from bisect_tool.captures.manifest import Excerpt, WatchedFunctions
from bisect_tool.culprit import Culprit, WrongLoss
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.handed import Handed, Survey, Values, Variable
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.tolerance import Interval
from bisect_tool.sites import STEP, Site

NET = Site("net")
TRACE = Trace((NET,), {NET: None}, {}, {}, 2e-5, {})
LOSS = WrongLoss(sites=(STEP,))


@dataclass(frozen=True)
class Line:
    """One assignment: ``name`` is the sum of what it ``reads`` and of what is ``plus``.

    Attributes: ``wrong`` is how far off the port computes it (relative); ``negative`` says that the port means its negative
    by the same name, and reads it so; ``at`` is the number of the line, where it is not an assignment of its own.
    """

    name: str
    reads: tuple[str, ...] = ()
    wrong: float = 0.0
    negative: bool = False
    at: int | None = None
    plus: float = 1.0


def right(lines: Sequence[Line]) -> list[Line]:
    """Return the reference's lines of a port that has the same ones."""
    return [replace(line, wrong=0.0, negative=False) for line in lines]


@dataclass
class LinesPort(BarePort):
    """A port whose code is some ``lines``; the target is ``factor`` times the last. ``crashes`` says which probes fail.

    ``around`` is the call whose own code that is, None where it comes after the layer.
    """

    lines: Sequence[Line]
    reference: Sequence[Line] = ()
    around: Site | None = None
    factor: float = 2.0
    crashes: Callable[[Intervention], bool] = lambda _intervention: False
    asked: list[Intervention] = field(default_factory=list)
    attached: dict[Site, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self.asides = self
        self.unanswered: dict[str, str] = {}
        self.watched = WatchedFunctions()
        self.reference = self.reference or right(self.lines)
        self.expected = computed(self.reference)
        self.target = self.factor * self.expected[self.reference[-1].name]

    def site(self, name: str) -> Site:
        """Return the site of a variable."""
        return Site(f"{self.around or 'loss'}:{name}")

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        self.asked.append(intervention)
        if self.crashes(intervention):
            return Reading(failure="killed")
        ours = {port: mine for mine, port in self.attached.items()}
        watched: dict[str, Watched] = {}

        def passing(name: str, value: float) -> float:
            site = ours.get(self.site(name))
            if site is None:
                return value
            expected = self.expected[site.partition(":")[2]]
            if site in intervention.watched:
                watched[site] = Watched(output=(Comparison("", abs(value - expected) / expected),))
            return expected if site in intervention.patched else value

        last = self.lines[-1]
        target = self.factor * computed(self.lines, passing)[last.name] * (-1 if last.negative else 1)
        if NET in intervention.watched:
            off = (Comparison("", abs(target - self.target) / self.target),)
            watched[NET] = Watched(off, off)
        return Reading({"loss": target}, watched=watched, calls=((NET, ()),))

    def survey(self, _layers: Intervention, *, to_a_crash: bool = False) -> Survey:
        """Return what the port assigns."""
        variables = tuple(
            Variable(self.site(line.name), self.around or STEP, False, f"port.py:{at}", (("", (), "float32"),))
            for at, line in numbered(self.lines)
        )
        return Survey(variables, {f"port.py:{at}": excerpt("port.py", at, line) for at, line in numbered(self.lines)})

    def identify(self, _layers: Intervention, ours: Sequence[Variable], theirs: Sequence[Variable]) -> dict[Site, Site]:
        """Pair what has the same values, each variable once."""
        values = computed(self.lines)
        found: dict[Site, Site] = {}
        for variable in theirs:
            alike = [v.site for v in ours if self.expected[v.name] == values[variable.name] and v.site not in found]
            found |= dict.fromkeys(alike[:1], variable.site)
        return found

    def attach_variables(self, pairs: Mapping[Site, Site]) -> Mapping[Site, Site]:
        """Take variables as sites, all of them."""
        self.attached.update(pairs)
        return pairs

    def expressions(self, _intervention: Intervention, _lines: object) -> Values:
        """Tell of no expressions."""
        return Values()

    def values(self, _intervention: Intervention, sites: Sequence[Site]) -> dict[Site, Handed]:
        """Return what the port assigns to some variables while all that the code reads is right."""
        values = computed(self.lines)
        names = {site: self.attached[site].partition(":")[2] for site in sites if site in self.attached}
        return {site: Handed([], [("", np.array(values[name]))]) for site, name in names.items()}

    def case(self, culprit: Culprit = LOSS) -> Case:
        """Return the case in which some plain code is to blame."""
        low, high = 0.999 * self.target, 1.001 * self.target
        interval = Interval(low, high, self.target, "made up")
        perfect = self.run(Intervention(frozenset({NET})))
        names = [self.site(line.name) for line in self.reference]
        return case_of(
            self,
            trace=TRACE,
            code=interval,
            loss=interval,
            answers={"calls": CallsAnswer(culprits=(culprit,), judged=Judged(perfect=perfect))},
            read={self.site(name): np.array(value) for name, value in self.expected.items()},
            targets={"loss": self.target},
            tensors={name: {"file": SHARD, "shape": [], "dtype": "float32", "hash": "0"} for name in names},
            variables=[self._recorded(at, line) for at, line in numbered(self.reference)],
            excerpts={
                f"ref.py:{at}": excerpt("ref.py", at, line).model_dump() for at, line in numbered(self.reference)
            },
        )

    def _recorded(self, at: int, line: Line) -> dict[str, Any]:
        site = self.site(line.name)
        place, value = f"ref.py:{at}", {"tensor": site}
        return {"site": site, "kind": "assigned", "around": self.around, "after": 1, "place": place, "value": value}


def computed(
    lines: Sequence[Line], passing: Callable[[str, float], float] = lambda _name, value: value
) -> dict[str, float]:
    """Return what each line assigns; ``passing`` may put another value in the place of what is assigned."""
    means = {line.name: -1 if line.negative else 1 for line in lines}
    values: dict[str, float] = {}
    for line in lines:
        total = line.plus + sum(means[name] * values[name] for name in line.reads)
        values[line.name] = passing(line.name, means[line.name] * total * (1 + line.wrong))
    return values


def numbered(lines: Sequence[Line]) -> list[tuple[int, Line]]:
    """Return the number of each line, and the line."""
    return [(line.at or number, line) for number, line in enumerate(lines, 1)]


def excerpt(file: str, at: int, line: Line) -> Excerpt:
    """Return a line's source."""
    read = (name.partition("#")[0] for name in line.reads)
    text = f"{line.name.partition('#')[0]} = {' + '.join([str(line.plus), *read])}"
    return Excerpt(file=file, line=at, first=at, text=(text,))


def blamed(port: LinesPort, culprit: Culprit = LOSS) -> tuple[Culprit, ...]:
    """Return what the axis names in the place of a culprit."""
    return LINES.search(port.case(culprit)).sharper[culprit]


def names(culprits: Sequence[Culprit]) -> list[tuple[str, ...]]:
    """Return the variables that each culprit names."""
    return [tuple(site.partition(":")[2] or site for site in culprit.sites) for culprit in culprits]
