"""A port with a backward pass written by hand: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
import torch.nn.functional as F
from torch import nn

class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return F.softplus(x)
    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        slope = x.sigmoid(){fault}
        return gradient * slope

class Gate(nn.Module):
    def __init__(self, by_hand):
        super().__init__()
        self.by_hand, self.inner = by_hand, nn.Linear(6, 6)
    def forward(self, x):
        gate = self.inner(x)
        gate = Softplus.apply(gate) if self.by_hand else F.softplus(gate)
        scaled = gate * 2
        return x * scaled

def make(seed, by_hand):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(6, 6), Gate(by_hand), nn.Linear(6, 4))
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}

    def step(batch):
        return {{"loss": F.cross_entropy(net(batch["x"]), batch["y"])}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(seed, False)

def port(seed=0):
    return make(seed, True)
"""


@pytest.mark.parametrize("fault", ["", " ** 2"])
def test_the_lines_of_a_backward_pass_by_hand_are_named(fault: str, tmp_path: Path) -> None:
    """Those that ran for the statement that is wrong, which none of them can be told from; a right one is passed over."""
    recipe = tmp_path / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(PAIR.format(fault=fault))
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(run_bisect("run", "--recipe", str(recipe), "--json", cwd=tmp_path).stdout)
    assert [culprit["sites"] for culprit in report["culprits"]] == ([["net.1"]] if fault else [])
    if fault:
        (culprit,) = report["culprits"]
        port = culprit["line"]["port"]
        assert "return gradient * slope" in port["text"][port["line"] - port["first"]]
        assert culprit["line"]["unclear"] == ["pair.py:23", "pair.py:13", "pair.py:14"]
        assert "a Function of the port's own" in culprit["findings"][-1]["message"]
