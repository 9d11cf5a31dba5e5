"""A port that is simulated: a tree of module calls through which deviations flow.

A value is the relative amount by which it is off: 0 is the reference's. A fault adds to it. In a forced pass each call in place is
computed from 0, compared, and gives 0 to what comes after it; a dissolved one computes from what it is handed, and passes its own
value on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st
from simulated_case import BarePort, case_of

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CALLS, CallsAnswer
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import ROUNDING, Interval, code_interval, loss_interval
from bisect_tool.sites import STEP, Site

HONEST = 1e-6  # what each leaf is off by although it is right


@dataclass(frozen=True)
class Node:
    """A module: a leaf, or a container whose children run one after the other or side by side."""

    name: str
    class_: str
    children: tuple[Node, ...] = ()
    parallel: bool = False

    def walk(self) -> Iterator[Node]:
        """Yield the module and all inside it, in order of completion."""
        for child in self.children:
            yield from child.walk()
        yield self


@dataclass(frozen=True)
class Fault:
    """``kind`` "own": the module's own code adds ``size``, or takes it away; "feed": the code around hands it an input that is off."""

    kind: str
    site: str
    size: float


class Off(NamedTuple):
    """How far a value is off, and how far it is in float64."""

    error: float = 0.0
    exact: float = 0.0

    def plus(self, error: float, *, rounding: float = 0.0) -> Off:
        """Return a value that is further off."""
        return Off(self.error + error + rounding, self.exact + error)


RIGHT = Off()


class CallError(Exception):
    """What a call raised."""


@dataclass
class SimulatedPort(BarePort):
    """Modules called one after the other by step. ``crashes`` says which interventions fail.

    Attributes: ``rounded`` are calls that round worse than others, which float64 shows; ``raising`` are calls that raise; ``hidden``
    are inputs without a partner, by the call that is handed them.
    """

    tops: tuple[Node, ...]
    faults: tuple[Fault, ...] = ()
    crashes: Callable[[Intervention], bool] = lambda _intervention: False
    loss_fault: float = 0.0
    rounded: Mapping[str, float] = field(default_factory=dict)
    raising: frozenset[str] = frozenset()
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    own: Mapping[str, float] = field(init=False)
    feed: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.own = {f.site: f.size for f in self.faults if f.kind == "own"}
        self.feed = {f.site: f.size for f in self.faults if f.kind == "feed"}

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        if self.crashes(intervention):
            return Reading(failure="killed")
        try:
            run = _Run(self, intervention)
        except CallError as error:
            return Reading(failure=str(error))
        loss = 1.0 + run.value.error + self.loss_fault
        return Reading({"loss": loss}, watched=run.rows, calls=tuple(run.calls))

    def trace(self, differences: Mapping[str, Mapping[str, tuple[object, object]]] | None = None) -> Trace:
        """Return the trace of all calls."""
        parents: dict[str, str | None] = {top.name: None for top in self.tops}
        nodes = [node for top in self.tops for node in top.walk()]
        for node in nodes:
            parents.update({child.name: node.name for child in node.children})
        sites = tuple(Site(node.name) for node in nodes)
        classes = {node.name: (node.class_, node.class_) for node in nodes}
        library = frozenset(node.name for node in nodes if not node.children)
        return Trace(sites, parents, classes, differences or {}, ROUNDING, {}, library=library)

    def question(self) -> Question:
        """Return the code question about the loss."""
        return Question("code", self, ProbeLog(), "loss", code_interval(1.0, 1e-4, ROUNDING), Intervention())

    def loss_interval(self) -> Interval:
        """Return where the loss may lie when every call gives the reference's value."""
        return loss_interval(self.question().interval, 1e-7, ROUNDING)

    def blamed(self, fault: Fault) -> str:
        """Return the call that is to blame for a fault: for a wrong input the call around it."""
        return fault.site if fault.kind == "own" else (self.trace().parents[fault.site] or STEP)

    def case(self, *, target: str | None = "loss", trace: Trace | None = None, **fields: Any) -> Case:
        """Return the port as an axis gets it; ``fields`` are the manifest's own."""
        known = trace or self.trace()
        around = {"calls": dict(self.trace().parents), **fields}
        question, loss = self.question(), self.loss_interval()
        case = case_of(self, trace=known, target=target, code=question.interval, loss=loss, **around)
        made = dict(case.own.calls)
        return dataclasses.replace(case, pair=Pair(case.pair.reference, self.described, self.matching, made))


class _Run:
    """One run: a row for each call that began, in that order, in a forced pass."""

    def __init__(self, port: SimulatedPort, asked: Intervention) -> None:
        self._port, self._asked = port, asked
        self.rows: dict[str, Watched] = {}
        self.calls: list[tuple[str, tuple[()]]] = []
        self.value = RIGHT
        for top in port.tops:
            self.value = self._call(top, self.value, None)

    def _call(self, node: Node, given: Off, around: str | None) -> Off:
        handed = given.plus(self._port.feed.get(node.name, 0.0))
        if self._asked.dissolved is None:
            return self._computed(node, handed)
        unknown = self._port.hidden.get(node.name, ())
        row = Watched((Comparison("0.0", abs(handed.error)),), call=node.name, around=around, unknown_inputs=unknown)
        if self._asked.exact:
            row = dataclasses.replace(row, exact_inputs=(Comparison("0.0", abs(handed.exact)),))
        self.rows[node.name] = row
        dissolved = node.name in self._asked.dissolved
        try:
            value = self._computed(node, handed if dissolved else RIGHT)
        except CallError as error:
            self.rows[node.name] = dataclasses.replace(row, failed=str(error))
            if dissolved:
                raise
            return RIGHT
        exact = (Comparison("", abs(value.exact)),) if node.name in self._asked.exact else None
        output = (Comparison("", abs(value.error)),)
        self.rows[node.name] = dataclasses.replace(row, output=output, exact=exact)
        return value if dissolved else RIGHT

    def _computed(self, node: Node, given: Off) -> Off:
        if node.name in self._port.raising:
            raise CallError(f"ValueError: {node.name} does not run")
        value, outputs = given, [RIGHT]
        for child in node.children:
            value = self._call(child, given if node.parallel else value, node.name)
            outputs.append(value)
        value = max(outputs) if node.parallel else value
        rounding = self._port.rounded.get(node.name, 0.0 if node.children else HONEST)
        disturbed = dict(self._asked.disturbed).get(Site(node.name), 0.0)
        self.calls.append((node.name, ()))
        return value.plus(self._port.own.get(node.name, 0.0) + disturbed, rounding=rounding)


def search(port: SimulatedPort, **case: Any) -> CallsAnswer:
    """Return what the axis of calls answers about a port."""
    answer = CALLS.search(port.case(**case))
    assert isinstance(answer, CallsAnswer)
    return answer


def _build(shape: object, name: str) -> Node:
    if isinstance(shape, str):
        return Node(name, shape)
    parallel, children = shape  # type: ignore[misc]
    kind = "Parallel" if parallel else "Chain"
    return Node(name, kind, tuple(_build(c, f"{name}.{i}") for i, c in enumerate(children)), parallel)


SHAPES = st.recursive(
    st.sampled_from(["Conv", "Norm", "Act"]),
    lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=1, max_size=4)),
    max_leaves=12,
)
MODELS = st.lists(SHAPES, min_size=1, max_size=5).map(
    lambda shapes: tuple(_build(shape, f"m{i}") for i, shape in enumerate(shapes))
)


@st.composite
def faulty_ports(draw: st.DrawFn, count: int = 1) -> SimulatedPort:
    """Draw a model with ``count`` faults at different places."""
    tops = draw(MODELS)
    names = [node.name for top in tops for node in top.walk()]
    faults = st.builds(Fault, st.sampled_from(["own", "feed"]), st.sampled_from(names), st.floats(0.01, 1.0))
    chosen = st.lists(faults, min_size=count, max_size=count, unique_by=lambda f: (f.kind, f.site))
    return SimulatedPort(tops, tuple(draw(chosen)))


def chain(*classes: str) -> tuple[Node, ...]:
    """Return leaves m0, m1, ... of the given classes, called one after the other."""
    return tuple(Node(f"m{i}", class_) for i, class_ in enumerate(classes))
