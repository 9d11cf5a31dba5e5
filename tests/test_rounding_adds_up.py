"""A deep pair whose gradients are off although every piece is right: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
from torch import nn

class Biased(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.tanh(x)
    @staticmethod
    def backward(context, gradient):
        return gradient * (1 - torch.tanh(context.saved_tensors[0]) ** 2) * (1 + 5e-5)

class Act(nn.Module):
    def __init__(self, biased):
        super().__init__()
        self.biased = biased
    def forward(self, x):
        return Biased.apply(x) if self.biased else torch.tanh(x)

def make(seed, biased, hooked):
    torch.manual_seed(seed)
    net = nn.Sequential(*(each for _ in range(60) for each in (nn.Linear(8, 8), Act(biased))))
    for layer in net[::2]:
        nn.init.orthogonal_(layer.weight)
    net[2].weight = net[0].weight
    if hooked:  # each of the two calls passes less than that
        net[0].weight.register_hook(lambda gradient: gradient / 2 if gradient.norm() > 4.8e-5 else gradient)
    batch = {"x": torch.randn(16, 8, generator=torch.Generator().manual_seed(0))}

    def step(batch):
        return {"loss": (net(batch["x"]) ** 2).mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}

def ref(seed=0):
    return make(seed, False, False)

def port(seed=0, biased=0, hooked=0):
    return make(seed, bool(biased), bool(hooked))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One captured pair for the module."""
    folder = tmp_path_factory.mktemp("deep")
    recipe = folder / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(PAIR)
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def report_of(folder: Path, option: str) -> tuple[int, dict]:
    """Run the port with an option; return exit code and report."""
    done = run_bisect("run", "--recipe", str(folder / "pair"), "--json", "--option", option, cwd=folder)
    return done.returncode, json.loads(done.stdout)


def test_rounding_of_the_same_sign_in_every_layer_is_no_fault(folder: Path) -> None:
    """No piece is wrong: the run agrees, and says how far each parameter is off over what it may be."""
    code, report = report_of(folder, "biased=1")
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", []), report["sentence"]
    assert "Every call's gradient of loss agrees too, by itself" in report["sentence"]
    (note,) = [note for note in report["notes"] if "whole backward pass" in note]
    assert "no piece is wrong" in note
    assert "net.18.bias (3.6" in note


def test_a_gradient_that_is_changed_between_the_calls_is_left_open(folder: Path) -> None:
    """Rounding does not halve what two calls pass to one parameter, and neither of them does."""
    code, report = report_of(folder, "hooked=1")
    assert (code, report["verdict"], report["culprits"]) == (3, "inconclusive", [])
    assert "net.0.weight (" in report["sentence"]
    assert "a hook on what several of them share, say" in report["sentence"]
