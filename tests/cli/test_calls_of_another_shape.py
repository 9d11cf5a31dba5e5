"""A port whose every call has another shape: rays of samples where the reference has flat samples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.desk import Desk, changed

REFERENCE = """\
import torch
from torch import nn


class Act(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(3, 8), Act(), nn.Linear(8, 2)

    def forward(self, x):
        hidden = self.act(self.first(x))
        return self.last(hidden)


def build(seed=0):
    torch.manual_seed(seed)
    field = Field()
    batch = {"x": torch.linspace(-1, 1, 36).reshape(3, 4, 3)}

    def step(batch):
        out = field(batch["x"].reshape(-1, 3)).reshape(3, 4, 2)
        error = out.square().sum(-1)
        worst = error.amax(1)
        return {"loss": worst.mean()}

    return {"modules": {"field": field}, "batch": batch, "step": step}
"""
PORT = changed(('field(batch["x"].reshape(-1, 3)).reshape(3, 4, 2)', 'field(batch["x"])'), model=REFERENCE)
LAYER = ("torch.tanh(", "torch.sin(")
LINE = ("error.amax(1)", "error.amin(1)")


def report_of(desk: Desk, target: str | None, *changes: tuple[str, str]) -> dict[str, Any]:
    """Capture the reference, run the port with some changes, and return the report."""
    desk.write(reference=REFERENCE, port=changed(*changes, model=PORT))
    assert desk.bisect("capture", "--seeds", "0").code == 0
    done = desk.bisect("run", "--json", *(["--target", target] if target else []))
    report: dict[str, Any] = json.loads(done.out)
    return report


@pytest.mark.parametrize("target", [None, "loss"])
def test_all_calls_of_a_faithful_port_are_compared(target: str | None, desk: Desk) -> None:
    """By their numbers, whatever axes these have."""
    report = report_of(desk, target)
    assert (report["verdict"], report["culprits"], report["open_ends"]) == ("agrees", [], [])
    assert report["ruled_out"][0].startswith("all 4 module calls: ")


@pytest.mark.parametrize("target", [None, "loss"])
def test_a_layer_and_a_line_of_the_loss_are_both_named(target: str | None, desk: Desk) -> None:
    """The loss is looked at while the layers give the reference's values, as in a forced pass."""
    report = report_of(desk, target, LAYER, LINE)
    found = {tuple(culprit["sites"]): culprit for culprit in report["culprits"]}
    assert found.keys() == {("field.act",), ("step:worst",)}
    assert all(culprit["confirmed"] for culprit in found.values())
    line = found["step:worst",]["line"]["port"]
    assert "error.amin(1)" in line["text"][line["line"] - line["first"]]
    assert found["step:worst",]["line"]["unclear"] == []
