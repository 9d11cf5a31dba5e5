"""Pairs that compute code again during the backward pass, on one side or both: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

class Again(torch.autograd.Function):
    @staticmethod
    def forward(context, run, x, *parameters):
        context.run, context.parameters = run, parameters
        context.save_for_backward(x)
        return run(x)
    @staticmethod
    def backward(context, gradient):
        x = context.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            y = context.run(x)
        return (None, *torch.autograd.grad(y, [x, *context.parameters], gradient))

class Block(nn.Module):
    def __init__(self, act, stops):
        super().__init__()
        self.first, self.act, self.second, self.stops = nn.Linear(6, 6), act, nn.Linear(6, 6), stops
    def forward(self, x):
        hidden = self.act(self.first(x))
        hidden = hidden.detach() if self.stops else hidden
        return x + self.second(hidden)

class Net(nn.Module):
    def __init__(self, how, stops, embedded):
        super().__init__()
        self.how, act = how, nn.SiLU()
        self.before, self.out = nn.Identity() if embedded else nn.Linear(6, 6), nn.Linear(6, 4)
        self.blocks = nn.ModuleList([Block(act, stops and number == 1) for number in range(3)])
    def forward(self, x):
        x = self.before(x)
        for block in self.blocks:
            if self.how == "own":
                x = Again.apply(block, x, *block.parameters())
            elif self.how:
                x = checkpoint(block, x, use_reentrant=self.how == "reentrant")
            else:
                x = block(x)
        return self.out(x)

def make(seed, how, stops=False):
    torch.manual_seed(seed)
    net = Net(how, stops, {embedded})
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}

    def step(batch):
        return {{"loss": F.cross_entropy(net(batch["x"]), batch["y"])}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(seed, {ours!r})

def port(seed=0):
    return make(seed, {theirs!r}, {stops})
"""


def report_of(folder: Path, *, stops: bool = False, embedded: bool = False, **how: str) -> tuple[int, dict]:
    """Capture and run a pair whose sides compute their blocks in some way; return exit code and report."""
    recipe = folder / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(PAIR.format(**{"ours": "", "theirs": "", **how}, stops=stops, embedded=embedded))
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run_bisect("run", "--recipe", str(recipe), "--json", cwd=folder)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("how", ["reentrant", "not reentrant", "own"])
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_checkpointing_on_one_side_is_no_fault(side: str, how: str, tmp_path: Path) -> None:
    """Every gradient agrees, and a call that is made again counts once."""
    code, report = report_of(tmp_path, **{side: how})
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", []), report["sentence"]


@pytest.mark.parametrize("how", ["reentrant", "not reentrant"])
@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_fault_in_checkpointed_code_is_named(side: str, how: str, tmp_path: Path) -> None:
    """Its call and its line, as if nothing were computed again."""
    code, report = report_of(tmp_path, stops=True, **{side: how})
    (culprit,) = report["culprits"]
    assert (code, culprit["sites"], culprit["confirmed"]) == (1, ["net.blocks.1"], True)
    port = culprit["line"]["port"]
    assert "hidden = hidden.detach()" in port["text"][port["line"] - port["first"]]
