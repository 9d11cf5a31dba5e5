"""Where modules are looked for that ``build`` does not return, and which of them are taken."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model import build, held

ACT = nn.Softplus()
Step = Callable[[Any], Any]


def shared(x: Any) -> Any:
    """Compute by a module of this file's own."""
    return ACT(x)


class Plain:
    """Holds what it is given."""

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)


class Trainer(Plain):
    """Has a module that all objects of the class share, and names one of this file's."""

    common = nn.Hardtanh()

    def step(self, batch: Any) -> Any:
        """Compute with the one."""
        return {"loss": self.common(batch["x"]).sum()}

    def helped(self, batch: Any) -> Any:
        """Compute with the other."""
        return {"loss": shared(batch["x"]).sum()}


class Slots:
    """Has no dict."""

    __slots__ = ("act", "never")

    def __init__(self) -> None:
        self.act = nn.Sigmoid()


@dataclasses.dataclass
class Config:
    """Holds an object in a list in a dict."""

    parts: Any


Named = collections.namedtuple("Named", ["left", "right"])  # noqa: PYI024


class Own(nn.Module):
    """A module of the user's own class without parameters, which holds a plain object."""

    def __init__(self) -> None:
        super().__init__()
        self.bce, self.assigner = nn.BCELoss(), Plain(act=nn.Sigmoid())

    def forward(self, x: Any) -> Any:
        """Compute."""
        return self.bce(self.assigner.act(x), x)


def over(value: Any) -> Step:
    """Return a step that closes over a value."""
    return lambda _batch: {"loss": value}


def names(step: Step, **modules: nn.Module) -> list[str]:
    """Return what is found from a step on."""
    tree = torch_adapter.module_tree({"net": nn.Linear(4, 4), **modules})
    return list(held.found(torch_adapter, step, tree).modules)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (over(nn.Sigmoid()), ["value"]),
        (over(Plain(bce=nn.BCELoss(), inner=Plain(act=nn.Tanh()))), ["value.bce", "value.inner.act"]),
        (over(Slots()), ["value.act"]),
        (over(SimpleNamespace(act=nn.Tanh())), ["value.act"]),
        (over([nn.Tanh(), {"cls": nn.ReLU()}]), ["value.0", "value.1.cls"]),
        (over(Named(nn.Tanh(), None)), ["value.left"]),
        (over(Config({"all": [Slots()]})), ["value.parts.all.0.act"]),
        (over(over(Slots())), ["value.act"]),
        (Trainer(act=nn.Tanh()).step, ["act", "common", "ACT"]),
        (Trainer().helped, ["common", "ACT"]),
        (functools.partial(shared, x=Slots()), ["x.act", "ACT"]),
        (functools.partial(lambda crit, _batch: crit, Slots()), ["crit.act"]),
        (over(Own()), ["value.bce", "value.assigner.act"]),
        (over(nn.Sequential(nn.Linear(2, 2), Own())), ["value", "value.1.assigner.act"]),
    ],
)
def test_it_is_named_by_its_path(step: Step, expected: list[str]) -> None:
    """As a person would write it; each module once."""
    found = names(step)
    assert set(found) == set(expected)


def test_what_is_known_is_not_found_again() -> None:
    """Nor what it lies in, of which the other parts are; nor what has the name of another, or no name."""
    net = nn.Linear(4, 4)
    act, strange = nn.Tanh(), nn.ReLU()
    beside = nn.Sequential(net, act)
    assert names(over([net]), net=net) == []
    assert names(over(beside), net=net) == ["value.1"]
    assert names(over({"bce": strange, "a": act}), value=nn.ModuleDict({"bce": nn.ReLU()})) == ["value.a"]
    assert names(over({"a#1": strange, "b:c": act})) == []


def test_a_layer_that_its_module_does_not_register_is_left_alone() -> None:
    """That is a fault of a port's; a module without parameters is no such thing."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.acts = [nn.Linear(2, 2)], [nn.ReLU()]

    assert names(over(None), net=Net()) == ["net.acts.0"]


class Hostile:
    """Raises whatever it is asked."""

    def __init__(self) -> None:
        self.act = nn.Tanh()

    @property
    def __class__(self) -> Any:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class Half(nn.Module):
    """Never came to be a module."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("make", [Hostile, Half, functools.partial(nn.LazyLinear, 3)])
def test_what_cannot_be_looked_into_is_left_out(make: Callable[[], Any]) -> None:
    """And harms nothing beside it."""
    assert names(over([make(), nn.Sigmoid()])) == ["value.1"]


def test_what_a_module_that_is_returned_holds_in_a_plain_object_is_found() -> None:
    """It lies in that."""
    assert names(over(None), own=Own()) == ["own.assigner.act"]


def built(step: Step, called: Any = None) -> build.Model:
    """Build a model around a step."""
    parts = {"modules": {"net": nn.Linear(4, 4)}, "batch": {"x": torch.ones(2, 4)}, "step": step}
    return build.build(torch_adapter, lambda: parts, {}, called)


def test_what_step_calls_is_taken_and_the_run_that_tells_it_leaves_nothing() -> None:
    """A net that is only kept is not part of the model."""
    criterion = Plain(norm=nn.BatchNorm1d(4), kept=nn.Linear(2, 2), losses=[nn.Tanh()], seen=0, history=[])

    def step(batch: Any) -> Any:
        criterion.seen += 1
        criterion.history.append(1)
        return {"loss": criterion.losses[0](criterion.norm(batch["x"])).sum()}

    model = built(step)
    assert model.held == ["criterion.norm", "criterion.losses.0"]
    assert (criterion.seen, criterion.history) == (0, [])
    assert model.state["criterion.norm.running_mean"][0].sum() == 0
    assert built(step, called=["criterion.norm"]).held == ["criterion.norm"]
    assert criterion.seen == 0


def test_of_a_step_that_raises_all_that_has_no_parameters_is_taken() -> None:
    """The error is told when the step is asked for."""
    criterion = Plain(first=nn.Linear(4, 4), second=nn.Linear(4, 4), act=nn.Tanh())

    def step(batch: Any) -> Any:
        criterion.first(batch["x"])
        raise ValueError("broken")

    model = built(step)
    assert set(model.held) == {"criterion.first", "criterion.act"}
    with pytest.raises(ValueError, match="broken"):
        model.run_step(model.fresh_batch())
