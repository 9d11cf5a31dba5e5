"""Which tensors are stirred, and to what: by what each is, not by the model it lies in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model.build import Model
from bisect_tool.worker.recording.stirring import stirred


class Holder(nn.Module):
    """One parameter, or buffer, of a name."""

    def __init__(self, name: str, tensor: torch.Tensor, *, buffer: bool = False) -> None:
        super().__init__()
        if buffer:
            self.register_buffer(name, tensor)
        else:
            self.register_parameter(name, nn.Parameter(tensor))


def model_of(module: nn.Module) -> Model:
    """Return a built model of one module."""
    return Model(torch_adapter, {"net": module}, {}, dict)


def values(name: str, tensor: torch.Tensor, *, buffer: bool = False, strength: float = 1.0) -> np.ndarray | None:
    """Return what one tensor becomes, None where it stays as it is."""
    return stirred(model_of(Holder(name, tensor, buffer=buffer)), strength).get(f"net.{name}")


RANDOM = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "tensor", "buffer"),
    [
        ("weight", RANDOM, False),
        ("weight", 1e-7 * RANDOM, False),
        ("bias", 1e-9 * RANDOM[0], False),
        ("weight", torch.arange(16.0), False),
        ("mask", torch.zeros(4, 4), True),
        ("anchors", torch.ones(9), True),
        ("running_mean", RANDOM[0], True),
        ("running_var", RANDOM[0] ** 2, True),
        ("steps", torch.zeros(3, dtype=torch.int64), True),
        ("weight", torch.zeros(0, 3), False),
        ("mask", torch.full((3, 3), -torch.inf), False),
    ],
)
def test_what_says_something_stays(name: str, tensor: torch.Tensor, buffer: bool) -> None:
    """Random numbers however small, buffers, whole numbers, what is empty or not finite."""
    assert values(name, tensor, buffer=buffer) is None


@pytest.mark.parametrize(
    ("name", "shape", "fill", "low", "high"),
    [
        ("weight", (1000,), 1.0, 0.5, 1.5),
        ("bias", (1000,), -4.6, -6.9, -2.3),
        ("scale", (), 0.25, 0.125, 0.375),
        ("kernel", (3, 3), 1 / 9, 1 / 18, 1 / 6),
        ("pooling", (200, 200), 1 / 200, 1 / 400, 3 / 400),
        ("gamma", (1000,), 1e-6, 0.3, 0.7),
        ("gamma", (1, 64, 1, 1), 0.0, 0.3, 0.7),
        ("weight", (64,), 0.0, 0.3, 0.7),
        ("alpha", (), 0.0, 0.3, 0.7),
        ("bias", (1,), 0.0, 0.3, 0.7),
    ],
)
def test_constants_and_gates_lie_in_their_interval(
    name: str, shape: tuple[int, ...], fill: float, low: float, high: float
) -> None:
    """Constants keep their size and sign; a gate that let next to nothing through lets about half."""
    found = values(name, torch.full(shape, fill))
    assert found is not None
    assert (found.shape, found.dtype) == (shape, np.float32)
    assert low <= found.min()
    assert found.max() <= high
    assert found.size == 1 or found.std() > 0.1 * (high - low)


@pytest.mark.parametrize(
    ("name", "shape", "std"),
    [
        ("weight", (300, 100), 0.1),
        ("weight", (64, 16, 5, 5), 0.05),
        ("weight", (1, 400), 0.05),
        ("weight", (1, 400, 1, 1), 0.05),
        ("pos_embed", (1, 197, 400), 0.05),
        ("bias", (4000,), 0.3),
        ("in_proj_bias", (4000,), 0.3),
        ("beta", (4000,), 0.3),
    ],
)
def test_zero_matrices_and_biases_become_normal(name: str, shape: tuple[int, ...], std: float) -> None:
    """A layer that starts at zero gives about what it is given."""
    found = values(name, torch.zeros(shape))
    assert found is not None
    assert found.std() == pytest.approx(std, rel=0.15)
    assert abs(found.mean()) < 0.2 * std


def test_running_statistics_are_those_of_some_data() -> None:
    """Means about zero, variances that are positive."""
    found = stirred(model_of(nn.BatchNorm2d(2000)))
    assert found["net.running_mean"].std() == pytest.approx(0.3, rel=0.15)
    assert 0.5 <= found["net.running_var"].min() < 0.6
    assert 1.9 < found["net.running_var"].max() <= 2.0


def test_less_strength_stays_nearer() -> None:
    """Constants and variances lie nearer to what they were, zeros nearer to zero."""
    layers = nn.Sequential(nn.BatchNorm1d(500), nn.Linear(3, 500))
    nn.init.zeros_(layers[1].weight)
    own = model_of(layers).own
    moved = [
        {name: np.abs(array - own[name]).max() for name, array in stirred(model_of(layers), strength).items()}
        for strength in (1.0, 0.1)
    ]
    assert moved[0].keys() == moved[1].keys()
    assert len(moved[0]) == 5
    for name, far in moved[0].items():
        assert moved[1][name] == pytest.approx(0.1 * far, rel=1e-5), name


def test_the_same_tensor_is_stirred_alike_and_a_tied_one_once() -> None:
    """Whatever else the model holds; two tensors are stirred differently."""
    first, second = nn.LayerNorm(8), nn.LayerNorm(8)
    second.bias = first.bias
    found = stirred(model_of(nn.Sequential(first, second)))
    assert set(found) == {"net.0.weight", "net.0.bias", "net.1.weight"}
    alone = stirred(model_of(nn.Sequential(first)))
    assert all(np.array_equal(found[name], array) for name, array in alone.items())
    assert not np.array_equal(found["net.0.weight"], found["net.1.weight"])
