"""A model's state between runs, and whether it was written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.failures import RecipeError
from bisect_tool.worker.model import state
from bisect_tool.worker.model.build import Model

LARGE = state.MOST_HASHED // 4 + 1


class Net(nn.Module):
    """Three buffers, one of which two modules share, and two parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.BatchNorm1d(3)
        self.register_buffer("large", torch.zeros(LARGE))
        self.register_buffer("mean", self.inner.running_mean)


@pytest.fixture
def model() -> Model:
    return Model(torch_adapter, {"net": Net()}, {}, lambda _batch: {})


def test_the_buffers_of_a_module_are_those_in_it(model: Model) -> None:
    """Under the first of their names; ``num_batches_tracked`` is nobody's."""
    found = state.State(model)
    assert found.names == ["net.large", "net.mean", "net.inner.running_var"]
    assert found.inside(model.roots["net"].inner) == ["net.mean", "net.inner.running_var"]


def _assign(net: Any) -> None:
    net.inner.running_var = net.inner.running_var * 2


@pytest.mark.parametrize(
    "write",
    [
        lambda net: net.inner.running_var.mul_(2),
        lambda net: net.inner.running_var.data.mul_(2),
        lambda net: net.inner.running_var.numpy().__imul__(2),
        _assign,
    ],
)
def test_a_write_is_seen_and_undone(model: Model, write: Any) -> None:
    """Whatever way it takes; after the run the module holds its own tensor again."""
    found, net = state.State(model), model.roots["net"]
    name, tensor = "net.inner.running_var", net.inner.running_var
    before = found.mark(name)
    assert found.mark(name).same(before)
    write(net)
    assert not found.mark(name).same(before)
    assert found.read(name).tolist() == [2.0] * 3
    model.restore()
    assert net.inner.running_var is tensor
    assert found.mark(name).same(before)


def test_a_large_one_is_not_read_to_be_marked(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework's counter tells."""
    found = state.State(model)
    monkeypatch.setattr(torch_adapter, "to_numpy", None)
    before = found.mark("net.large")
    model.roots["net"].large[3] = 1.0
    assert not found.mark("net.large").same(before)


def test_one_of_another_shape_can_be_written(model: Model) -> None:
    """A cache that grows: another tensor takes the place of the one of ``build``."""
    found = state.State(model)
    found.write("net.inner.running_var", np.ones(5, np.float64))
    assert model.roots["net"].inner.running_var.shape == (5,)
    assert model.roots["net"].inner.running_var.dtype == torch.float32
    model.roots["net"].inner.running_var = None
    assert found.read("net.inner.running_var") is None
    model.restore()
    assert model.roots["net"].inner.running_var.tolist() == [1.0] * 3


def _as_data(net: Any) -> None:
    net.inner.weight.data = net.inner.weight.data * 2


def _as_another(net: Any) -> None:
    net.inner.weight = nn.Parameter(net.inner.weight.detach() * 2)


def _as_a_tensor(net: Any) -> None:
    doubled = net.inner.weight.detach() * 2
    del net.inner.weight
    net.inner.weight = doubled


def _by_an_optimizer(net: Any) -> None:
    net.inner.weight.sum().neg().backward()
    torch.optim.SGD([net.inner.weight], lr=1.0).step()


@pytest.mark.parametrize(
    "write",
    [
        lambda net: net.inner.weight.data.mul_(2),
        lambda net: net.inner.weight.detach().numpy().__imul__(2),
        _as_data,
        _as_another,
        _as_a_tensor,
        _by_an_optimizer,
    ],
)
def test_a_written_parameter_is_seen_and_put_back(model: Model, write: Any) -> None:
    """It is the very tensor again, where it lay, without a gradient; nobody watched it before."""
    found, net = state.State(model), model.roots["net"]
    found.begin()
    name, tensor = "net.inner.weight", net.inner.weight
    place = tensor.data_ptr()
    assert found.strays(net.inner) == []
    assert found.rewritten() == []
    write(net)
    assert found.rewritten() == [name]
    assert found.strays(net.inner) == [name]
    assert name in found.inside(net)
    assert found.read(name).tolist() == [2.0] * 3
    model.restore()
    assert net.inner.weight is tensor
    assert isinstance(dict(net.named_parameters())["inner.weight"], nn.Parameter)
    assert (tensor.data_ptr(), tensor.tolist(), tensor.grad) == (place, [1.0] * 3, None)


def test_what_an_optimizer_keeps_is_put_back() -> None:
    """Its momentum is that of the step before, which is not this run's."""
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0, momentum=0.5)

    def step(_batch: Any) -> dict[str, Any]:
        net.inner.weight.sum().backward()
        optimizer.step()
        return {"weight": net.inner.weight.sum()}

    model = Model(torch_adapter, {"net": net}, {}, step, optimizer)
    for _ in range(2):
        assert model.run_step({})["weight"].item() == 0.0
        model.restore()
    assert not optimizer.state


def test_what_cannot_be_put_back_is_said(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, and what the framework says."""

    def refuse(*_what: Any) -> None:
        raise RuntimeError("the memory is gone")

    monkeypatch.setattr(torch_adapter, "put_back", refuse)
    with pytest.raises(
        RecipeError,
        match=r"step changes net\.large, and what build left in it cannot be put back after a run: the memory",
    ):
        model.restore()
