"""A model's buffers between runs, and whether they were written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model import buffers
from bisect_tool.worker.model.build import Model

LARGE = buffers.MOST_HASHED // 4 + 1


class Net(nn.Module):
    """Three buffers, one of which two modules share."""

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
    found = buffers.Buffers(model)
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
    found, net = buffers.Buffers(model), model.roots["net"]
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
    found = buffers.Buffers(model)
    monkeypatch.setattr(torch_adapter, "to_numpy", None)
    before = found.mark("net.large")
    model.roots["net"].large[3] = 1.0
    assert not found.mark("net.large").same(before)


def test_one_of_another_shape_can_be_written(model: Model) -> None:
    """A cache that grows: another tensor takes the place of the one of ``build``."""
    found = buffers.Buffers(model)
    found.write("net.inner.running_var", np.ones(5, np.float64))
    assert model.roots["net"].inner.running_var.shape == (5,)
    assert model.roots["net"].inner.running_var.dtype == torch.float32
    model.roots["net"].inner.running_var = None
    assert found.read("net.inner.running_var") is None
    model.restore()
    assert model.roots["net"].inner.running_var.tolist() == [1.0] * 3
