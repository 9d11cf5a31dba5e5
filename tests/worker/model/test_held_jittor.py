"""Jittor's modules that a plain object holds: found, called, and given back as they were."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.jittor
CODE = """
from bisect_tool.worker.adapters import jittor_adapter
from bisect_tool.worker.model import build

jittor_adapter.prepare()
import jittor
from jittor import nn


class Assigner:
    def __init__(self):
        self.act = nn.Sigmoid()


class Criterion:
    def __init__(self):
        self.bce = nn.BCEWithLogitsLoss(pos_weight=jittor.array([1.0, 2.0]))
        self.assigner, self.norm, self.spare = Assigner(), nn.BatchNorm1d(2), nn.Linear(3, 3)

    def __call__(self, out, y):
        return self.bce(self.norm(out), self.assigner.act(y))


def made():
    net, criterion = nn.Linear(4, 2), Criterion()
    batch = {"x": jittor.randn(3, 4), "y": jittor.randn(3, 2)}
    step = lambda batch: {"loss": criterion(net(batch["x"]), batch["y"])}
    return {"modules": {"net": net}, "batch": batch, "step": step}


model = build.build(jittor_adapter, made, {})
assert model.held == ["criterion.bce", "criterion.norm", "criterion.assigner.act"], model.held
assert "criterion.bce.pos_weight" in model.state
assert (model.own["criterion.norm.running_mean"] == 0).all()
"""


def test_they_are_part_of_the_model() -> None:
    """As torch's are."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
