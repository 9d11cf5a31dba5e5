"""The axis of the optimizer against a simulated port: what it blames, and what it leaves to others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import described
from simulated_case import EVERYTHING, BarePort, case_of
from simulated_steps import ADAM, ALL, BIASES, NESTEROV, SGD, WEIGHTS, Steps, Values, adam, drawn, sgd

from bisect_tool.axes.axis import Case, ask
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.optimizer.search import OPTIMIZER
from bisect_tool.captures.described import Described, OptimizerGroup
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes import handed
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site
from bisect_tool.wrong_learning import Frozen, WrongStep

EVERY_PARAMETER = tuple(map(Site, ALL))
Groups = Sequence[tuple[Mapping[str, float], Sequence[str]]]  # settings and parameters of each


def stepped(groups: Groups, take: Steps, **how: bool) -> dict[str, list[Values]]:
    """Return each parameter after two steps."""
    return {name: take(*drawn(name), **how, **chosen) for chosen, names in groups for name in names}


def described_groups(groups: Groups, name: str) -> list[dict[str, Any]]:
    return [{"class": name, "settings": dict(chosen), "parameters": list(names)} for chosen, names in groups]


@dataclasses.dataclass
class SimulatedOptimizer(BarePort):
    """A port whose optimizer has some groups, and takes its steps by ``take``. ``fails``: its worker cannot answer."""

    groups: Groups = ((SGD, ALL),)
    name: str = "SGD"
    take: Steps = sgd
    framework: str = "torch"
    fails: bool = False
    capabilities: frozenset[str] = EVERYTHING

    def __post_init__(self) -> None:
        super().__init__()
        self.described = Described.model_validate(described(framework=self.framework))
        self.asides: Any = self
        self.asked: list[tuple[Site, ...]] = []

    def run(self, _intervention: Intervention) -> Reading:
        """Run one probe."""
        return Reading({"loss": 1.0})

    def steps(self, patched: Sequence[Site]) -> handed.Steps | None:
        """Take two steps."""
        self.asked.append(tuple(patched))
        if self.fails:
            return None
        groups = map(OptimizerGroup.model_validate, described_groups(self.groups, self.name))
        how = {"jittor": True} if self.framework == "jittor" else {}
        return handed.Steps(tuple(groups), stepped(self.groups, self.take, **how))

    def case(
        self,
        groups: Groups = ((SGD, ALL),),
        take: Steps = sgd,
        name: str = "SGD",
        gradients: GradientAnswer | None = GradientAnswer(),
        recorded: bool = True,
    ) -> Case:
        """Return a case whose reference has some groups, after gradients were compared."""
        after = {key: [f"{key}@{step}" for step in (0, 1)] for key in stepped(groups, take)}
        optimizer = {"groups": described_groups(groups, name), "after": after}
        arrays = {f"{key}@{step}": v for key, values in stepped(groups, take).items() for step, v in enumerate(values)}
        for key in ALL:
            arrays[key], arrays[f"{key}'"] = drawn(key)
        entry = {"file": "shard-0000.safetensors", "shape": [], "dtype": "float32", "hash": "0"}
        return case_of(
            self,
            trace=Trace((), {}, {}, {}, 2e-5, {}),
            state=EVERY_PARAMETER,
            target=None,
            answers={} if gradients is None else {"gradients": gradients},
            read=arrays,
            tensors=dict.fromkeys(arrays, entry),
            gradients=_gradients(optimizer if recorded else None),
            described={**described(), "optimizer": described_groups(groups, name)},
        )


def _gradients(optimizer: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "of": ["loss"], "parameters": {name: f"{name}'" for name in ALL}, "noise": {"parameters": {}, "norm": 0.0},
        "sites": {}, "later": 0, "statements": {}, "variables": {}, "connected": {}, "places": {}, "off": [],
        "optimizer": optimizer,
    }  # fmt: skip


CHANGES = st.sampled_from(
    [
        ("lr", 0.1, "learning rate 0.1, reference 0.01 (10 times)"),
        ("momentum", 0.5, "momentum 0.5, reference 0.937"),
        ("nesterov", False, "Nesterov momentum off, reference on"),
        ("weight_decay", 5e-4, "weight decay 0.0005, reference 0"),
    ]
)


@given(CHANGES, st.sampled_from(["torch", "jittor"]), st.booleans())
@settings(deadline=None, max_examples=16)
def test_a_wrong_setting_is_a_culprit(change: tuple[str, float, str], framework: str, biases: bool) -> None:
    """With just the parameters of its group, proved by their values after two steps."""
    name, value, said = change
    rest = [n for n in ALL if n not in BIASES] if biases else []
    wrong = [n for n in ALL if n not in rest]
    port = SimulatedOptimizer(groups=(({**NESTEROV, name: value}, wrong), (NESTEROV, rest)), framework=framework)
    answer = OPTIMIZER.search(port.case(((NESTEROV, ALL),)))
    (culprit,) = answer.culprits
    assert (type(culprit), set(culprit.sites), culprit.confirmed) == (WrongStep, set(wrong), True)
    assert culprit.findings[0].message.startswith(said)
    assert culprit.blamed.detail == culprit.findings[0].message
    assert culprit.necessary is not None
    assert culprit.necessary.verdict is Verdict.DIVERGES
    assert (answer.open_ends, answer.notes) == ((), ())


@given(st.sampled_from([SGD, NESTEROV, {**SGD, "weight_decay": 0.1}]), st.sampled_from(["torch", "jittor"]))
@settings(deadline=None, max_examples=6)
def test_a_faithful_optimizer_is_never_blamed(chosen: Mapping[str, float], framework: str) -> None:
    """It is asked once, for every parameter that can be given the reference's value."""
    port = SimulatedOptimizer(groups=((chosen, ALL),), framework=framework)
    answer = OPTIMIZER.search(port.case(((chosen, ALL),)))
    assert (answer.culprits, answer.notes, answer.open_ends) == ((), (), ())
    assert (port.asked, set(answer.alike)) == ([EVERY_PARAMETER], set(ALL))


def test_two_mistakes_are_two_culprits() -> None:
    """Each is proved by itself."""
    port = SimulatedOptimizer(groups=(({**SGD, "lr": 0.1}, WEIGHTS), (SGD, [n for n in ALL if n not in WEIGHTS][1:])))
    answer = OPTIMIZER.search(port.case())
    assert {finding.check for culprit in answer.culprits for finding in culprit.findings} == {"step-lr", "step-missing"}
    assert all(culprit.confirmed for culprit in answer.culprits)


def test_what_every_port_in_a_framework_does_is_a_note() -> None:
    """Jittor's Adam adds eps earlier: nobody is to blame, unless the eps is another one too."""
    small = {**ADAM, "eps": 1e-3}
    port = SimulatedOptimizer(groups=((small, ALL),), name="Adam", take=adam, framework="jittor")
    answer = OPTIMIZER.search(port.case(((small, ALL),), adam, "Adam"))
    assert answer.culprits == ()
    (note,) = answer.notes
    assert note.startswith("the optimizer's step: eps added before the second moment is corrected for its start")
    (culprit,) = OPTIMIZER.search(port.case(((ADAM, ALL),), adam, "Adam")).culprits
    assert culprit.findings[0].message == "eps 0.001, reference 1e-08: all 8 parameters"


def test_parameters_that_are_blamed_already_are_left_out() -> None:
    """What the port does not train its optimizer cannot step."""
    frozen = GradientAnswer(culprits=(Frozen(sites=tuple(map(Site, BIASES))),))
    port = SimulatedOptimizer(groups=((SGD, [name for name in ALL if name not in BIASES]),))
    assert OPTIMIZER.search(port.case(gradients=frozen)).culprits == ()
    (culprit,) = OPTIMIZER.search(port.case()).culprits
    assert set(culprit.sites) == set(BIASES)


def test_a_port_without_an_optimizer_is_noted() -> None:
    """Its build returns none."""
    answer = OPTIMIZER.search(SimulatedOptimizer(groups=()).case())
    assert answer.culprits == ()
    assert answer.notes[0].startswith("the optimizer's step was not compared: build of the port returns no 'optimizer'")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unanswered", ()),
        ("no gradients", ()),
        ("one gradient", ("`bisect run` without --target does so",)),
        ("not recorded", ("the reference's needs a closure",)),
    ],
)
def test_nothing_is_blamed_where_nothing_can_be_compared(fault: str, said: tuple[str, ...]) -> None:
    """The worker does not answer, gradients were not compared, or one alone was asked about, or no optimizer was recorded."""
    port = SimulatedOptimizer(groups=(({**SGD, "lr": 1.0}, ALL),), fails=fault == "unanswered")
    gradients = None if fault == "no gradients" else GradientAnswer()
    case = port.case(gradients=gradients, recorded=fault != "not recorded")
    if fault == "one gradient":
        case = dataclasses.replace(case, gradient_target="grad_norm")
    answer = OPTIMIZER.search(case)
    notes = tuple(f"the optimizer's step was not compared: {words}" for words in said)
    assert (answer.culprits, answer.notes, answer.open_ends) == ((), notes, ())


def test_a_worker_that_takes_no_steps_is_no_open_end() -> None:
    """The axis is left out with a note, and what the rest says stays the verdict."""
    port = SimulatedOptimizer(groups=(({**SGD, "lr": 1.0}, ALL),), capabilities=EVERYTHING - {"optimizer"})
    answer = ask(OPTIMIZER, port.case()).answers["optimizer"]
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert answer.notes == ("the optimizer's step was not compared: the port's worker does not announce optimizer",)
    assert port.asked == []


def test_a_worker_without_gradients_takes_its_steps_from_the_references() -> None:
    """The port's own gradients are no part of that."""
    able = EVERYTHING - {"gradients"}
    port = SimulatedOptimizer(groups=(({**SGD, "lr": 1.0}, ALL),), capabilities=able)
    (culprit,) = OPTIMIZER.search(port.case(gradients=None)).culprits
    assert culprit.sites == tuple(map(Site, ALL))
    one = dataclasses.replace(port.case(gradients=None), target="loss")
    assert OPTIMIZER.search(one).culprits == ()


def test_a_step_that_is_no_number_is_a_culprit() -> None:
    """Without a cause."""
    port = SimulatedOptimizer(take=lambda start, _gradient, **_: [np.full_like(start, np.nan)] * 2)
    (culprit,) = OPTIMIZER.search(port.case()).culprits
    assert culprit.findings[0].message.startswith("no finite numbers after the step")
