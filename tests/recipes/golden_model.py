"""What the tests of a reference against the original implementation's figures have in common."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
import torch
from conftest import RECIPES, ROOT, imports_from
from torch import nn

GOLDEN = ROOT / "tests" / "golden"
SETTINGS = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "eps", "momentum"),
    *("num_features", "inplace", "ceil_mode", "scale_factor", "mode", "align_corners", "p", "drop_prob"),
)

with imports_from(GOLDEN):
    import rules


def read_golden(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text())


@contextmanager
def files_of(recipe: str) -> Iterator[Callable[[str], ModuleType]]:
    """Give a function that imports the recipe's files by name, on one thread as the golden figures were made."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with imports_from(RECIPES / recipe, RECIPES / "detection"):
        yield importlib.import_module
    torch.set_num_threads(threads)


def whole(built: dict) -> nn.ModuleDict:
    """Return what ``build`` returned as one module, its parts named as in the report."""
    return nn.ModuleDict(built["modules"])


def state_of(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}


def shapes_of(net: nn.Module) -> list:
    return [[name, list(value.shape)] for name, value in state_of(net).items()]


@torch.no_grad()
def fill(net: nn.Module, golden: dict, constants: str) -> None:
    """Give a network the golden weights, all but those whose names start with ``constants``."""
    for name, value in state_of(net).items():
        if not name.startswith(constants):
            value.copy_(torch.from_numpy(rules.fill(name, tuple(value.shape), golden["head_bias"])))


def leaves_of(net: nn.Module) -> list:
    """Return name, class and settings of each module without children, in the golden file's form."""
    return [[name, type(m).__name__, settings(m)] for name, m in net.named_modules() if not list(m.children())]


def settings(module: nn.Module) -> dict:
    """Return a module's settings in the golden file's form."""
    found = {name: getattr(module, name) for name in SETTINGS if hasattr(module, name)}
    if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
        found["bias"] = module.bias is not None
    return json.loads(json.dumps(found))


def run_step(built: dict) -> dict:
    """Run one training step: the modules' outputs, the order they came in, the losses, the gradients of their sum."""
    net = whole(built)
    order: list[str] = []
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Callable:
        def hook(_module: nn.Module, _inputs: tuple, output: object) -> None:
            order.append(name)
            outputs.update({key: part.detach().clone() for key, part in parts(name, output)})

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in net.named_modules() if name]
    losses = built["step"](built["batch"])
    for handle in handles:
        handle.remove()
    sum(losses.values()).backward()
    gradients = {name: p.grad for name, p in net.named_parameters()}
    return {"outputs": outputs, "order": order, "losses": losses, "gradients": gradients}


def parts(name: str, output: object) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of a module's output, each named after its place in it."""
    if isinstance(output, torch.Tensor):
        yield name, output
        return
    for key, part in output.items() if isinstance(output, dict) else enumerate(output):
        yield from parts(f"{name}.{key}", part)


def check_statistics(output: torch.Tensor, golden: dict) -> None:
    """An output has the golden shape and statistics to float32 rounding."""
    mine = rules.summary(output.numpy())
    assert mine["shape"] == golden["shape"]
    assert mine["std"] == pytest.approx(golden["std"], rel=1e-4)
    assert mine["absmax"] == pytest.approx(golden["absmax"], rel=1e-4)
    # A mean or an element may be near zero by chance: what counts is its error beside the spread.
    assert mine["mean"] == pytest.approx(golden["mean"], rel=1e-4, abs=1e-4 * golden["std"])
    assert mine["head"] == pytest.approx(golden["head"], rel=1e-4, abs=1e-4 * golden["std"])


def check_finite(built: dict) -> dict:
    """The losses and all their gradients are finite; returns the losses."""
    run = run_step(built)
    assert all(loss.isfinite() for loss in run["losses"].values())
    assert all(gradient.isfinite().all() for gradient in run["gradients"].values() if gradient is not None)
    return run["losses"]
