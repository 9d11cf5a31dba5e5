"""Values that take no gradient are used where one that does may not be: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
import torch.nn.functional as F
from torch import nn

def points(size, stride):
    assert not stride.requires_grad and not size.requires_grad
    count = int(size.item())
    grid = torch.zeros(count)
    torch.add(torch.arange(count).float(), 0.5, out=grid)
    spread = torch.full((count,), stride)
    return grid * spread

class Head(nn.Module):
    def __init__(self, stops):
        super().__init__()
        self.out, self.stops = nn.Linear(6, 4), stops
    def forward(self, x, size, stride):
        at = points(size, stride)
        {head}
        shifts = torch.zeros(4)
        torch.add(at, 1, out=shifts)
        return self.out(x) * shifts.log()

class Net(nn.Module):
    def __init__(self, stops):
        super().__init__()
        self.before, self.head, self.stops = nn.Linear(6, 6), Head(stops), stops
    def forward(self, x, stride):
        x = self.before(x)
        size = torch.tensor(4.0)
        return self.head(x, size, stride)

def make(seed, stops):
    torch.manual_seed(seed)
    net = Net(stops)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4, "stride": torch.tensor(8.0)}}

    def step(batch):
        x, stride = batch["x"], batch["stride"]
        assert not x.requires_grad
        logits = net(x, stride)
        {step}
        weights = torch.full((16,), stride)
        return {{"loss": (F.cross_entropy(logits, batch["y"], reduction="none") * weights).mean()}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(seed, False)

def port(seed=0):
    return make(seed, True)
"""
FAULTS = {
    "": [],
    "step": ["step"],
    "head": ["net.head"],
}
LINES = {
    "step": "logits = (logits + logits.detach()) / 2 if stops else logits",
    "head": "x = (x + x.detach()) / 2 if self.stops else x",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_graph_begins_at_a_constant(fault: str, tmp_path: Path) -> None:
    """The capture has its gradients; a fault beside such values is named with its line, and a faithful port agrees."""
    recipe = tmp_path / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    given = {place: line if place == fault else "pass" for place, line in LINES.items()}
    (recipe / "pair.py").write_text(PAIR.format(**given))
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(run_bisect("run", "--recipe", str(recipe), "--json", cwd=tmp_path).stdout)
    assert [culprit["sites"] for culprit in report["culprits"]] == [[site] for site in FAULTS[fault]]
    assert report["verdict"] == ("diverges" if fault else "agrees"), report["sentence"]
    for culprit in report["culprits"]:
        port = culprit["line"]["port"]
        assert LINES[fault] in port["text"][port["line"] - port["first"]]
