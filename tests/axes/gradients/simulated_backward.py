"""A port that is simulated on the way back: a gradient is a number, so many times the reference's.

Every leaf has a parameter. The own code of a leaf multiplies what it passes on by its factor; that of a container, or of
``step``, what it hands to the last call inside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from manifests import described, tensor
from simulated_case import EVERYTHING, BarePort, case_of
from simulated_port import Node

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.axes.gradients.search import GRADIENTS, GradientAnswer
from bisect_tool.captures.described import Described
from bisect_tool.pairing.names import Matching
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Pulled, PulledAt, Reading
from bisect_tool.sites import STEP, Site

ROUNDING = 2e-5
SIZE = 4  # numbers of a parameter
NET = (
    Node("m0", "Conv"),
    Node("m1", "Block", (Node("m1.a", "Conv"), Node("m1.b", "Norm"))),
    Node("m2", "Act"),
)
RIGHT = Pulled(rms=1.0, reference=1.0, ratio=1.0, size=SIZE, norm=SIZE**0.5)


def pulled(factor: float) -> Pulled:
    """Return a gradient that is so many times the reference's, whose size is 1."""
    return dataclasses.replace(
        RIGHT, rms=abs(factor), apart=abs(factor - 1), ratio=factor, norm=abs(factor) * RIGHT.norm
    )


def weight(leaf: str) -> Site:
    """Return the name of a leaf's parameter."""
    return Site(f"{leaf}.weight")


@dataclass
class SimulatedBackward(BarePort):
    """Modules called one after the other by step.

    Attributes: ``factors`` of wrong calls and ``step``; ``rounded`` those that float64 clears; ``frozen`` and
    ``unregistered`` parameters; ``silenced``: what gets no gradient while a parameter has the port's own value; ``off``: calls
    made with gradients switched off; ``unsure`` calls are handed what has no sure partner; ``crashes`` says which interventions fail.
    """

    tops: tuple[Node, ...]
    factors: Mapping[str, float] = field(default_factory=dict)
    rounded: Mapping[str, float] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    unregistered: frozenset[str] = frozenset()
    silenced: Mapping[str, frozenset[str]] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    unsure: tuple[Site, ...] = ()
    crashes: Callable[[Intervention], bool] = lambda _intervention: False
    capabilities: frozenset[str] = EVERYTHING - {"statements"}

    def __post_init__(self) -> None:
        super().__init__()
        self.described = Described.model_validate(self._described(without=self.unregistered))
        names = {entry.name: entry.name for entry in self.described.state}
        self.matching = Matching({}, names, {}, (), ())

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        if self.crashes(intervention):
            return Reading(failure="killed")
        if intervention.backward == "pieces":
            rows = tuple(self._rows(intervention))
            return Reading({"loss": 1.0}, pieces=(*rows, *self._right(rows)), unsure=self.unsure)
        gradients = self._gradients(intervention) if intervention.backward else {}
        return Reading({"loss": 1.0}, gradients={name: pulled(factor) for name, factor in gradients.items()})

    def _gradients(self, intervention: Intervention) -> dict[str, float]:
        """Return each parameter's in a whole backward pass."""
        found: dict[str, float] = {}

        def through(owner: str, given: float) -> float:
            factor = self.factors.get(owner, 1.0)
            return factor * given + (1.0 - factor if owner in intervention.corrected else 0.0)

        def back(node: Node, arriving: float) -> float:
            given = 0.0 if node.name in self.off else 1.0 if node.name in intervention.pulled else arriving
            severed = node.name in intervention.severed
            passed = 1.0 if severed else through(node.name, given)
            if not node.children:
                found[weight(node.name)] = passed
            for child in reversed(node.children):
                passed = back(child, passed)
            return 1.0 if severed else passed

        passed = through(STEP, 1.0)
        for top in reversed(self.tops):
            passed = back(top, passed)
        silent = {n for own, names in self.silenced.items() for n in names if own not in intervention.patched}
        taken = found.keys() - self.unregistered - (self.frozen - intervention.thawed)
        return {n: 0.0 if n in silent and intervention.backward == "own" else found[n] for n in sorted(taken)}

    def _rows(self, intervention: Intervention) -> Iterator[PulledAt]:
        """Yield what each call's own code makes of the reference's gradients."""
        for owner, last in self._owners():
            for exact in (False, True) if owner in intervention.exact else (False,):
                factor = self.factors.get(owner, 1.0) + (0.0 if exact else self.rounded.get(owner, 0.0))
                if last is None:
                    yield PulledAt(owner, "inputs", "0.0", exact, pulled(factor))
                    yield PulledAt(owner, "state", weight(owner), exact, pulled(factor))
                else:
                    yield PulledAt(last, "output", "", exact, pulled(factor))
        for call in sorted(self.off):
            yield PulledAt(call, "call", "", False, Pulled(mismatch="called with gradients switched off"))

    def _right(self, rows: tuple[PulledAt, ...]) -> Iterator[PulledAt]:
        """Yield what is recorded beside some rows: that is passed on as it comes."""
        given = {(row.site, row.part, row.path) for row in rows}
        for site, parts in self.recorded()["sites"].items():
            for part, paths in parts.items():
                yield from (
                    PulledAt(site, part, path, False, RIGHT) for path in paths if (site, part, path) not in given
                )

    def _owners(self) -> Iterator[tuple[str, str | None]]:
        """Yield each call and ``step`` with the last call inside it."""
        for top in self.tops:
            for node in top.walk():
                yield node.name, node.children[-1].name if node.children else None
        yield STEP, self.tops[-1].name

    def below(self, site: str) -> list[str]:
        """Return the last call inside a call, the last one in that, and so on: what it passes on goes through these."""
        inside = dict(self._owners())[site]
        return [] if inside is None else [inside, *self.below(inside)]

    def nodes(self) -> list[Node]:
        """Return all calls in order of completion."""
        return [node for top in self.tops for node in top.walk()]

    def weights(self) -> list[Site]:
        """Return all parameters."""
        return [weight(node.name) for node in self.nodes() if not node.children]

    def _described(self, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        return described(state=[tensor(name, (SIZE,)) for name in self.weights() if name not in without])

    def trace(self) -> Trace:
        """Return the trace of all calls."""
        parents: dict[str, str | None] = {top.name: None for top in self.tops}
        for node in self.nodes():
            parents.update({child.name: node.name for child in node.children})
        classes = {node.name: (node.class_, node.class_) for node in self.nodes()}
        return Trace(tuple(Site(node.name) for node in self.nodes()), parents, classes, {}, ROUNDING, {})

    def recorded(self) -> dict[str, Any]:
        """Return the manifest's entry of gradients."""
        floor = ("t", 0.0)
        sites = {
            node.name: {
                "inputs": {"0.0": floor},
                "output": {"": floor},
                "state": {} if node.children else {weight(node.name): floor},
            }
            for node in self.nodes()
        }
        return {
            "of": ["loss"], "parameters": dict.fromkeys(self.weights(), "t"), "sites": sites,
            "noise": {"parameters": {}, "norm": 0.0}, "later": 0, "statements": {}, "variables": {}, "connected": {},
            "places": {}, "optimizer": None, "off": [],
        }  # fmt: skip

    def case(self, calls: CallsAnswer | None = None, **more: Any) -> Case:
        """Return a case about all gradients, after the calls were looked at; ``more`` are the manifest's own fields."""
        number = {"file": "shard-0000.safetensors", "shape": [SIZE], "dtype": "float32", "hash": "0", "mean": 1.0}
        fields = {"described": self._described(), "gradients": self.recorded(), "tensors": {"t": number}, **more}
        answers = {"calls": calls or CallsAnswer(judged=Judged())}
        return case_of(self, trace=self.trace(), state=self.weights(), target=None, answers=answers, **fields)


def search(case: Case) -> GradientAnswer:
    """Return what the axis answers."""
    answer = GRADIENTS.search(case)
    assert isinstance(answer, GradientAnswer)
    return answer
