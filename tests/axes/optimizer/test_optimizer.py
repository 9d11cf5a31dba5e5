"""What parameters after the step tell of the optimizers that made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from simulated_steps import (
    ADAM,
    ALL,
    BIASES,
    NESTEROV,
    NORMS,
    SGD,
    WEIGHTS,
    Steps,
    Values,
    adam,
    drawn,
    group,
    sgd,
)

from bisect_tool.axes.optimizer.cells import Group
from bisect_tool.axes.optimizer.findings import step_findings
from bisect_tool.axes.optimizer.stepped import Stepped


def found(
    reference: Sequence[Group], port: Sequence[Group], *, ours: Steps = sgd, theirs: Steps = sgd, jittor: bool = False
) -> list[tuple[str, str]]:
    """Take the steps that the groups' settings say on both sides and return what is said about them."""
    pairs = []
    for name in ALL:
        start, gradient = drawn(name)
        sides = [
            next((steps(start, gradient, **more, **g.settings) for g in groups if name in g.parameters), None)
            for groups, steps, more in ((reference, ours, {}), (port, theirs, {"jittor": jittor}))
        ]
        pairs.append(Stepped(name, start, gradient, *sides))
    return [(finding.check, finding.message) for finding in step_findings(reference, port, pairs)]


@pytest.mark.parametrize("jittor", [False, True])
@pytest.mark.parametrize("chosen", [SGD, NESTEROV, {**NESTEROV, "weight_decay": 5e-4}, {**SGD, "momentum": 0.0}])
def test_equal_settings_say_nothing(chosen: dict[str, float], jittor: bool) -> None:
    """Another order of operations is rounding."""
    assert found([group(chosen)], [group(chosen)], jittor=jittor) == []


@pytest.mark.parametrize("jittor", [False, True])
@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"lr": 0.1}, "step-lr", "learning rate 0.1, reference 0.01 (10 times): all 8 parameters"),
        ({"lr": 0.0101}, "step-lr", "learning rate 0.0101, reference 0.01 (1.01 times): all 8 parameters"),
        ({"lr": 0.0}, "step-lr", "learning rate 0, reference 0.01 (0 times): all 8 parameters"),
        ({"momentum": 0.9}, "step-momentum", "momentum 0.9, reference 0.937: all 8 parameters"),
        ({"momentum": 0.9371}, "step-momentum", "momentum 0.9371, reference 0.937: all 8 parameters"),
        ({"nesterov": False}, "step-nesterov", "Nesterov momentum off, reference on: all 8 parameters"),
        ({"weight_decay": 5e-4}, "step-decay", "weight decay 0.0005, reference 0: all 8 parameters"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, float], check: str, words: str, jittor: bool) -> None:
    """One setting that is wrong everywhere is one finding, with both values."""
    ((name, message),) = found([group(NESTEROV)], [group(NESTEROV, **changes)], jittor=jittor)
    assert (name, message.partition(";")[0]) == (check, words)


@pytest.mark.parametrize("jittor", [False, True])
def test_dampening_is_named(jittor: bool) -> None:
    """Dampening shows at the second step in torch, at both in Jittor; it is one mistake."""
    said = found([group(SGD)], [group(SGD, dampening=0.9)], jittor=jittor)
    assert said == [("step-dampening", "dampening 0.9, reference 0: all 8 parameters")]


def test_a_first_step_that_is_dampened_is_named() -> None:
    """Equal settings mean another first step in Jittor."""
    chosen = {**SGD, "dampening": 0.5}
    said = found([group(chosen)], [group(chosen)], jittor=True)
    assert said == [("step-dampening", "first step dampened, reference: first step not dampened: all 8 parameters")]


def test_two_mistakes_are_two_findings() -> None:
    """Each setting that is wrong is named by itself."""
    said = found([group(SGD, weight_decay=5e-4)], [group(SGD, lr=0.02)])
    assert [check for check, _ in said] == ["step-lr", "step-decay"]


@pytest.mark.parametrize("changes", [{"lr": 0.01 + 1e-10}, {"momentum": 0.9 + 1e-8}, {"weight_decay": 1e-9}])
def test_a_difference_that_rounds_away_says_nothing(changes: dict[str, float]) -> None:
    """Settings that differ by less than what float32 holds take the same steps."""
    assert found([group(SGD)], [group(SGD, **changes)]) == []


def test_settings_that_are_not_used_say_nothing() -> None:
    """Dampening without momentum is nothing in torch: what the numbers do not show is not listed."""
    chosen = {**SGD, "momentum": 0.0}
    assert found([group(chosen)], [group(chosen, dampening=0.5)]) == []


THREE = [group(NESTEROV, NORMS), group(NESTEROV, WEIGHTS, weight_decay=5e-4), group(NESTEROV, BIASES)]


def test_decay_on_everything_is_one_finding() -> None:
    """Biases and norms that decay too are listed together, and the weights are not."""
    said = found(THREE, [group(NESTEROV, weight_decay=5e-4)])
    words = "weight decay 0.0005, reference 0: all 2 one-dimensional weights, all 3 biases"
    assert said == [("step-decay", words)]


def test_a_mistake_in_one_group_names_that_group() -> None:
    """A learning rate that is wrong for the biases accuses nothing else."""
    said = found(THREE, [*THREE[:2], group(NESTEROV, BIASES, lr=0.1)])
    assert said == [("step-lr", "learning rate 0.1, reference 0.01 (10 times): all 3 biases")]


def test_a_parameter_in_the_wrong_group_is_named() -> None:
    """One weight among the biases does not decay."""
    said = found(THREE, [THREE[0], group(THREE[1].settings, WEIGHTS[:2]), group(NESTEROV, (*BIASES, WEIGHTS[2]))])
    assert said == [("step-decay", "weight decay 0, reference 0.0005: c.weight")]


def test_a_group_that_is_missing_is_named() -> None:
    """Parameters that no group has never change; the other way round they do though they should not."""
    never = "all 2 one-dimensional weights are in no group of the optimizer and never change"
    assert found(THREE, THREE[1:]) == [("step-missing", never)]
    extra = "all 2 one-dimensional weights are in no group of the reference's optimizer and change"
    assert found(THREE[1:], THREE) == [("step-extra", extra)]


def test_a_parameter_that_is_stopped_is_named() -> None:
    """A parameter that its group leaves as it is."""
    said = found([group(SGD)], [group(SGD)], theirs=lambda start, gradient, **_: [start, start])
    assert said == [("step-frozen", "all 8 parameters are in a group of the optimizer and never change")]


@pytest.mark.parametrize(
    ("real", "check", "words"),
    [
        ({"lr": 0.02}, "step-lr", "learning rate 0.02, reference 0.01 (2 times)"),
        ({"weight_decay": 0.0}, "step-decay", "weight decay 0, reference 0.0005"),
        ({"weight_decay": 0.005}, "step-decay", "weight decay 0.005, reference 0.0005"),
        ({"momentum": 0.0}, "step-momentum", "momentum 0, reference 0.9"),
        ({"momentum": 0.8}, "step-momentum", "momentum 0.8, reference 0.9"),
        ({"nesterov": True}, "step-nesterov", "Nesterov momentum on, reference off"),
    ],
)
def test_the_numbers_win_over_the_settings(real: dict[str, float], check: str, words: str) -> None:
    """An optimizer that does something else than its settings say is told by what it does."""
    chosen = {**SGD, "weight_decay": 5e-4}
    said = found([group(chosen)], [group(chosen)], theirs=lambda p, g, **_: sgd(p, g, **{**chosen, **real}))
    assert said == [(check, f"steps as with {words}, whatever its settings say: all 8 parameters")]


def test_a_kind_of_parameter_that_is_treated_otherwise_is_told_by_its_numbers() -> None:
    """An optimizer that leaves out what has one dimension when it decays, without a setting that says so."""
    chosen = {**SGD, "weight_decay": 5e-4}

    def steps(start: Values, gradient: Values, **_: float) -> list[Values]:
        return sgd(start, gradient, **{**chosen, "weight_decay": 5e-4 if start.ndim > 1 else 0.0})

    ((check, message),) = found([group(chosen)], [group(chosen)], theirs=steps)
    words = "steps as with weight decay 0, reference 0.0005, whatever its settings say: "
    assert (check, message) == ("step-decay", f"{words}all 2 one-dimensional weights, all 3 biases")


@pytest.mark.parametrize("jittor", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"lr": 0.01}, "step-lr", "learning rate 0.01, reference 0.001 (10 times)"),
        ({"betas.0": 0.8}, "step-betas", "first beta 0.8, reference 0.9"),
        ({"betas.1": 0.99}, "step-betas", "second beta 0.99, reference 0.999"),
        ({"amsgrad": True}, "step-amsgrad", "amsgrad on, reference off"),
        ({"eps": 1e-3}, "step-eps", "eps 0.001, reference 1e-08"),
        ({"weight_decay": 0.01}, "step-decay", "weight decay 0.01, reference 0"),
    ],
)
def test_a_wrong_setting_of_adam_is_named(
    changes: dict[str, float], check: str, words: str, decoupled: bool, jittor: bool
) -> None:
    """Adam's and AdamW's settings are named too, and Jittor's eps beside them where it shows."""

    def steps(start: Values, gradient: Values, **chosen: Any) -> list[Values]:
        return adam(start, gradient, decoupled=decoupled, **chosen)

    name = "AdamW" if decoupled else "Adam"
    same = found([group(ADAM, name=name)], [group(ADAM, name=name)], ours=steps, theirs=steps)
    assert same == []
    sides = [group(ADAM, name=name)], [group(ADAM, name=name, **changes)]
    said = found(*sides, ours=steps, theirs=steps, jittor=jittor)
    assert any(name == check and message.startswith(words) for name, message in said)
    assert {name for name, _ in said} <= {check, "step-eps"}


def test_what_no_rule_explains_is_one_finding_without_a_cause() -> None:
    """Steps that are neither the settings' nor a known mistake's are said by size alone."""
    said = found([group(SGD)], [group(SGD)], theirs=lambda p, g, **_: [p - np.sign(g) / 64, p - np.sign(g) / 32])
    ((check, message),) = said
    assert check == "step"
    assert message.endswith("and the cause is not known: all 8 parameters")


def test_another_optimizer_is_named() -> None:
    """Adam in place of gradient descent."""
    said = found([group(SGD)], [group(ADAM, name="Adam")], theirs=adam)
    assert said == [("step-optimizer", "steps as Adam does, reference as Sgd: all 8 parameters")]


def test_an_update_below_rounding_says_nothing() -> None:
    """A learning rate ten times as large is not felt where both updates round away."""
    start, gradient = np.ones((4, 4), np.float32), np.full((4, 4), 1e-9, np.float32)
    groups = [group(SGD, ["a.weight"])], [group(SGD, ["a.weight"], lr=0.1)]
    pair = Stepped("a.weight", start, gradient, [start, start], [start, start])
    assert step_findings(*groups, [pair]) == []


def test_a_parameter_without_a_gradient_says_nothing() -> None:
    """Jittor's optimizers decay what no gradient reaches, torch's leave it; no port can help that."""
    start = np.ones((4, 4), np.float32)
    pair = Stepped("a.weight", start, None, [start, start], [start * 0.99, start * 0.98])
    assert step_findings([group(SGD)], [group(SGD)], [pair]) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_step_that_is_no_number_is_said(value: float) -> None:
    """A port whose parameters become NaN is off, without a cause."""
    start, gradient = drawn("a.weight")
    wrong = np.full_like(start, value)
    pair = Stepped("a.weight", start, gradient, sgd(start, gradient, **SGD), [wrong, wrong])
    (finding,) = step_findings([group(SGD)], [group(SGD)], [pair])
    assert finding.check == "step"
    assert finding.message == "no finite numbers after the step, where the reference has them: a.weight"


NUMBERS = arrays.arrays(
    np.float32, arrays.array_shapes(max_dims=2, max_side=4), elements=st.floats(allow_nan=False, width=32)
)
CHOSEN = st.fixed_dictionaries(
    {
        "lr": st.floats(1e-6, 1),
        "momentum": st.sampled_from([0.0, 0.5, 0.9, 0.937]),
        "dampening": st.just(0.0),
        "weight_decay": st.sampled_from([0.0, 1e-5, 5e-4, 0.1]),
        "nesterov": st.booleans(),
    }
)


@given(NUMBERS, st.data(), CHOSEN)
@settings(deadline=None, max_examples=300)
def test_equal_settings_never_give_a_finding(start: Values, data: st.DataObject, chosen: dict[str, Any]) -> None:
    """Whatever parameter and gradient, equal settings are silent, with each value after the step off by one bit."""
    floats = st.floats(allow_nan=False, width=32)
    gradient = data.draw(arrays.arrays(np.float32, start.shape, elements=floats))
    flips = st.sampled_from([-np.inf, np.inf, 0.0])

    def noisy(values: Values) -> Values:
        towards = data.draw(arrays.arrays(np.float64, start.shape, elements=flips))
        return np.where(towards == 0, values, np.nextafter(values, towards.astype(np.float32)))

    chosen["nesterov"] = chosen["nesterov"] and chosen["momentum"] > 0
    with np.errstate(all="ignore"):
        sides = [[noisy(v) for v in sgd(start, gradient, jittor=jittor, **chosen)] for jittor in (False, True)]
        pair = Stepped("a.weight", start, gradient, *sides)
    assert step_findings([group(chosen)], [group(chosen)], [pair]) == []
