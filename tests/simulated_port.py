"""A port that is simulated: a tree of module calls through which deviations flow.

A value is the relative amount by which it is off: 0 is the reference's. A fault adds to it, a patch makes it 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hypothesis import strategies as st
from simulated_case import BarePort

from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import ROUNDING, Interval, code_interval, loss_interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site

HONEST = 1e-6  # what each leaf is off by although it is right

STEP = "step"


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


@dataclass
class SimulatedPort(BarePort):
    """Modules called one after the other by step. ``crashes`` says which interventions fail.

    ``rounded`` are calls that round worse than others, which float64 shows.
    """

    tops: tuple[Node, ...]
    faults: tuple[Fault, ...] = ()
    crashes: Callable[[Intervention], bool] = lambda _intervention: False
    loss_fault: float = 0.0
    rounded: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(init=False)
    feed: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.own = {f.site: f.size for f in self.faults if f.kind == "own"}
        self.feed = {f.site: f.size for f in self.faults if f.kind == "feed"}

    def can_patch(self, site: str) -> bool:
        """Tell whether a site exists."""
        return site in {node.name for top in self.tops for node in top.walk()}

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        if self.crashes(intervention):
            return Reading(failure="killed")
        watched: dict[str, Watched] = {}
        calls: list[tuple[str, tuple[()]]] = []

        def call(node: Node, given: float) -> float:
            handed = given + self.feed.get(node.name, 0.0)
            given = 0.0 if node.name in intervention.fed else handed
            if node.name in intervention.patched - intervention.watched:
                return 0.0
            rounding = self.rounded.get(node.name, 0.0 if node.children else HONEST)
            value = given + rounding
            outputs = [0.0]
            for child in node.children:
                value = call(child, given if node.parallel else value)
                outputs.append(value)
            value = (max(outputs) if node.parallel else value) + self.own.get(node.name, 0.0)
            value += dict(intervention.disturbed).get(node.name, 0.0)
            calls.append((node.name, ()))
            if node.name in intervention.watched:
                exact = (Comparison("", abs(value - rounding)),)
                watched[node.name] = Watched(
                    (Comparison("0.0", abs(handed)),),
                    (Comparison("", abs(value)),),
                    exact if node.name in intervention.exact else None,
                )
            return 0.0 if node.name in intervention.patched else value

        value = 0.0
        for top in self.tops:
            value = call(top, value)
        return Reading({"loss": 1.0 + value + self.loss_fault}, watched=watched, calls=tuple(calls))

    def trace(self, differences: Mapping[str, Mapping[str, tuple[object, object]]] | None = None) -> Trace:
        """Return the trace of all calls."""
        parents: dict[str, str | None] = {top.name: None for top in self.tops}
        nodes = [node for top in self.tops for node in top.walk()]
        for node in nodes:
            parents.update({child.name: node.name for child in node.children})
        sites = tuple(Site(node.name) for node in nodes)
        classes = {node.name: (node.class_, node.class_) for node in nodes}
        return Trace(sites, parents, classes, differences or {}, ROUNDING, {})

    def question(self) -> Question:
        """Return the code question about the loss."""
        return Question("code", self, ProbeLog(), "loss", code_interval(1.0, 1e-4, ROUNDING), Intervention())

    def loss_interval(self) -> Interval:
        """Return where the loss may lie when every call gives the reference's value."""
        return loss_interval(self.question().interval, 1e-7, ROUNDING)

    def blamed(self, fault: Fault) -> str:
        """Return the call that is to blame for a fault: for a wrong input the call around it."""
        return fault.site if fault.kind == "own" else (self.trace().parents[fault.site] or STEP)

    def diverges(self) -> bool:
        """Tell whether the port as it is diverges."""
        return self.question().test("ends", "as it is") is Verdict.DIVERGES


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
