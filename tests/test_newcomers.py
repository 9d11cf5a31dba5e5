"""Models as newcomers bring them: each works, faithful or wrong, or is refused with the cause and the next step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from in_process import beside, record
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from bisect_tool import session
from bisect_tool.errors import BisectError
from bisect_tool.worker.failures import RecipeError

Forward = Callable[["Net", torch.Tensor], torch.Tensor]
Step = Callable[["Net", Any], dict[str, Any]]


class Net(nn.Module):
    """Two layers, and what lies between them."""

    def __init__(self, first: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.first, self.last, self.own = first, nn.Linear(8, 2), forward

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute as the case has it."""
        return self.own(self, x)


def right(net: Net, x: torch.Tensor) -> torch.Tensor:
    """Compute as the reference does."""
    return net.last(torch.tanh(net.first(x)))


def wrong(net: Net, x: torch.Tensor) -> torch.Tensor:
    """Compute something else."""
    return net.last(1.5 * torch.tanh(net.first(x)))


def losses(net: Net, batch: Any) -> dict[str, Any]:
    """Return a loss."""
    return {"loss": net(batch["x"]).float().square().mean()}


def building(
    forward: Forward = right,
    first: Callable[[], nn.Module] = lambda: nn.Linear(4, 8),
    step: Step = losses,
    dtype: torch.dtype = torch.float32,
    batch: Callable[[Any], Any] = lambda batch: batch,
) -> Callable[..., dict[str, Any]]:
    """Return a recipe's build."""

    def build(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Net(first(), forward).to(dtype)
        x = {"x": torch.linspace(-1, 1, 12).reshape(3, 4).to(dtype)}
        return {"modules": {"net": net}, "batch": batch(x), "step": lambda given: step(net, given)}

    return build


def verdict(folder: Path, reference: Any, port: Any, *, grads: bool = True) -> tuple[str, list[list[str]]]:
    """Return the verdict on a port, and the sites of its culprits."""
    capture = record(reference, folder / "ref", seeds=(1, 2, 3), grads=grads)
    report = session.bisect(beside(capture, port), capture)
    return report.verdict, [list(culprit.sites) for culprit in report.culprits]


@pytest.mark.parametrize(
    "how",
    [
        {"first": lambda: spectral_norm(nn.Linear(4, 8))},
        {"first": lambda: parametrizations.spectral_norm(nn.Linear(4, 8))},
        {"first": lambda: parametrizations.weight_norm(nn.Linear(4, 8))},
        {"dtype": torch.float16},
        {"dtype": torch.bfloat16},
    ],
    ids=["spectral norm by hooks", "spectral norm as a parametrization", "weight norm", "float16", "bfloat16"],
)
def test_a_port_is_judged(how: dict[str, Any], tmp_path: Path) -> None:
    """With gradients too: the faithful one agrees, the wrong one has its culprit."""
    reference = building(**how)
    assert verdict(tmp_path / "right", reference, building(**how)) == ("agrees", [])
    assert verdict(tmp_path / "wrong", reference, building(wrong, **how)) == ("diverges", [["net"]])


def rounded_twice(net: Net, x: torch.Tensor) -> torch.Tensor:
    """Compute what ``right`` does, in another order: the sum is rounded before the bias is added, in a layer of its own."""
    hidden = torch.tanh(net.first(x))
    weighed = (hidden.float() @ net.last.weight.float().T).to(x.dtype)
    return weighed + net.last.bias + 0 * net.last(hidden)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_port_that_rounds_once_more_in_half_precision_is_not_accused(dtype: torch.dtype, tmp_path: Path) -> None:
    """One step of such numbers is more than all that float32 may be off by."""
    reference = building(dtype=dtype)
    assert verdict(tmp_path, reference, building(rounded_twice, dtype=dtype), grads=False) == ("agrees", [])


def learning(net: Net, batch: Any) -> dict[str, Any]:
    """Call backward."""
    found = losses(net, batch)
    found["loss"].backward()
    return found


def penalised(net: Net, batch: Any) -> dict[str, Any]:
    """Return a loss with gradients in it."""
    x = batch["x"].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    return {"loss": (gradient.norm(2, dim=1) - 1).square().mean()}


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (learning, "where step calls backward itself, let it return the loss without that, or record without --grads"),
        (penalised, "step takes gradients itself, .*: record without --grads"),
    ],
)
def test_gradients_of_a_step_that_takes_its_own_are_refused(step: Step, said: str, tmp_path: Path) -> None:
    """With what to do; without them its layers are judged by themselves, and all else by its targets."""
    reference = building(step=step)
    with pytest.raises(BisectError, match=said):
        record(reference, tmp_path / "grads", grads=True)
    assert verdict(tmp_path / "right", reference, building(step=step), grads=False) == ("agrees", [])
    assert verdict(tmp_path / "wrong", reference, building(wrong, step=step), grads=False) == ("diverges", [["net"]])


def test_the_code_of_a_step_that_takes_gradients_is_not_blamed_for_what_cannot_be_pulled(tmp_path: Path) -> None:
    """Layers that are given pass no gradients back: whether step or a backward pass is wrong is not known."""

    def doubled(net: Net, batch: Any) -> dict[str, Any]:
        return {name: 2 * value for name, value in penalised(net, batch).items()}

    capture = record(building(step=penalised), tmp_path / "ref", seeds=(1, 2, 3))
    report = session.bisect(beside(capture, building(step=doubled)), capture)
    assert (report.verdict, report.culprits) == ("inconclusive", ())
    assert "step takes gradients itself: its own code" in report.sentence


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (lambda batch: (part for part in [batch]), "'batch' is a generator, which can be gone through once"),
        (lambda batch: {"x": iter([batch["x"]])}, "'batch' at 'x' is a list_iterator, .*: return list"),
    ],
)
def test_a_batch_that_can_be_gone_through_once_is_refused(batch: Any, said: str, tmp_path: Path) -> None:
    """Every run needs it whole; an empty one is no batch."""
    with pytest.raises(RecipeError, match=said):
        record(building(batch=batch), tmp_path / "ref")
