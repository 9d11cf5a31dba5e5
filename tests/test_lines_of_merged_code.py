"""Lines of code that values cannot tell apart: of what is handed on wrongly, not of what is only written otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import lines_shown, record_switched, report_on

PAIR = """
import torch
from torch import nn
from torch.nn import functional


class Turned(nn.Module):
    def __init__(self, fault, port):
        super().__init__()
        self.find, self.conv, self.head = nn.Linear(3, 9), nn.Linear(3, 8), nn.Linear(8, 5)
        self.fault, self.port, self.matrix = fault, port, Matrix(port)

    def forward(self, x):
        found = self.matrix(x)
        if self.port:
            found = found + torch.eye(3)
        turned = x @ (found.transpose(1, 2) if self.fault == "transposed" else found)
        given = self.conv(turned).relu().amax(1)
        given = given * (1.1 if self.fault == "scaled" else 1.0)
        logits = self.head(given)
        return logits if self.port else functional.log_softmax(logits, -1)


class Matrix(nn.Module):
    def __init__(self, port):
        super().__init__()
        self.fc, self.port = nn.Linear(3, 9), port

    def forward(self, x):
        found = self.fc(x.mean(1)).view(-1, 3, 3)
        return found if self.port else found + torch.eye(3)


def build(seed=0, fault="", port=%s):
    torch.manual_seed(seed)
    net = Turned(fault, port)

    def step(batch):
        out = net(batch["x"])
        loss = functional.cross_entropy(out, batch["y"]) if port else functional.nll_loss(out, batch["y"])
        return {"loss": loss}

    draw = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(4, 6, 3, generator=draw), "y": torch.tensor([0, 1, 2, 3])}
    return {"modules": {"net": net}, "batch": batch, "step": step}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose port adds the identity outside, and gives logits; its reference is recorded."""
    return record_switched(tmp_path_factory.mktemp("merged"), PAIR)


def test_the_port_agrees(folder: Path) -> None:
    """It is written otherwise, and computes the same."""
    assert report_on(folder, "none")["verdict"] == "agrees"


@pytest.mark.parametrize(("fault", "line"), [("transposed", "turned = "), ("scaled", "given = given")])
def test_only_lines_that_lead_to_the_wrong_value_are_shown(fault: str, line: str, folder: Path) -> None:
    """That the net gives logits is no fault, and its return is not shown for it."""
    (culprit,) = report_on(folder, fault)["culprits"]
    assert culprit["confirmed"]
    lines = lines_shown(folder, culprit)
    assert any(line in one for one in lines)
    assert not any("return logits" in one for one in lines)
