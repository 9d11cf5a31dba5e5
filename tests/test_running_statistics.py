"""Nets that train and are evaluated in one step: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
from torch import nn
import torch.nn.functional as F

class Own(nn.BatchNorm1d):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        mean = x.mean(0)
        var = x.var(0, unbiased={unbiased})
        with torch.no_grad():
            self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
            self.running_var = self.running_var + self.momentum * (var - self.running_var)  # here
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.fc, self.bn, self.out = nn.Linear(6, 6), Own(6) if is_port else nn.BatchNorm1d(6), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(torch.relu(self.bn(self.fc(x))))

def make(is_port, seed):
    torch.manual_seed(seed)
    net = Net(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(8, 6, generator=draw), "y": torch.arange(8) % 4}}
    def step(batch):
        net.bn.reset_running_stats()
        net.train()
        for _ in range(3):
            train = F.cross_entropy(net(batch["x"]), batch["y"])
            {between}
        val = F.cross_entropy(net.eval()(batch["x"].flip(1)), batch["y"])
        net.train()
        {after}
        return {{"train": train, "val": val}}
    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""


def run(folder: Path, **code: Any) -> dict[str, Any]:
    """Capture a reference and ask its port about the loss of the evaluation: the report."""
    (folder / "recipe.toml").write_text(PAIR_RECIPE)
    (folder / "pair.py").write_text(PAIR.format(**{"unbiased": True, "between": "pass", "after": "pass", **code}))
    captures = ("--captures", str(folder / "captures"), "--recipe", str(folder))
    done = run_bisect("capture", *captures, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run_bisect("run", *captures, "--target", "val", "--json", cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_faithful_port_agrees(tmp_path: Path) -> None:
    """Its batch norm is its own, is called four times, and assigns its statistics anew."""
    report = run(tmp_path)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])


def test_the_calls_that_write_the_statistics_are_blamed_at_their_line(tmp_path: Path) -> None:
    """Not the evaluation, which only reads them; what the line rests on is named with it."""
    report = run(tmp_path, unbiased=False)
    (culprit,) = report["culprits"]
    assert (report["verdict"], culprit["sites"]) == ("diverges", ["net.bn", "net.bn#2", "net.bn#3"])
    assert culprit["confirmed"]
    assert (culprit["sufficient"]["verdict"], culprit["necessary"]["verdict"]) == ("agrees", "diverges")
    line = culprit["line"]["port"]
    assert line["text"][line["line"] - line["first"]].endswith("# here")
    assert culprit["line"]["unclear"] == [f"pair.py:{line['line'] - 3}"]
    said = [finding["message"] for finding in culprit["findings"]]
    assert any("updated with the biased variance" in words for words in said)


def test_step_is_blamed_for_what_it_writes(tmp_path: Path) -> None:
    """The calls after it begin with something else, and are right."""
    report = run(tmp_path, between="if is_port: net.bn.running_var.fill_(2.0)")
    (culprit,) = report["culprits"]
    assert (report["verdict"], culprit["sites"], culprit["confirmed"]) == ("diverges", ["step"], True)
    assert "net.bn.running_var" in culprit["findings"][0]["message"]


def test_what_step_leaves_in_a_buffer_is_no_fault_of_a_call(tmp_path: Path) -> None:
    """No value of this run shows it; training goes on from it all the same."""
    report = run(tmp_path, after="if is_port: net.bn.running_mean.zero_()")
    (culprit,) = report["culprits"]
    assert (report["verdict"], culprit["sites"], culprit["confirmed"]) == ("diverges", ["step"], True)
    assert "leave another net.bn.running_mean" in report["sentence"]
    assert "though val does not show it" in report["sentence"]
