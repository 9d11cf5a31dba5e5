"""Code that is written otherwise, and is part of what is around it on the way back: whom a wrong gradient is charged to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from in_process import beside, record
from torch import nn
from torch.nn import functional

from bisect_tool.captures.reader import Capture
from bisect_tool.report.data import Report
from bisect_tool.session import bisect


class Quantizer(nn.Module):
    """Takes the next of some codes, and gives what that costs; the port gives a dict, and takes channels last."""

    def __init__(self, fault: str, *, port: bool) -> None:
        super().__init__()
        self.codes, self.fault, self.port = nn.Parameter(torch.randn(8, 4)), fault, port

    def forward(self, x: torch.Tensor) -> Any:
        """Return the codes and their cost; the faults are a factor, and a gradient that is stopped."""
        flat = x if self.port else x.transpose(1, 2)
        near = self.codes[torch.cdist(flat.reshape(-1, 4), self.codes).argmin(1)].view_as(flat)
        held = near.detach() if self.fault == "stopped" else near
        cost = ((near.detach() - flat) ** 2).mean() * (1.0 if self.fault == "factor" else 0.25)
        cost = cost + ((held - flat.detach()) ** 2).mean()
        given = flat + (near - flat).detach()
        return {"z": given, "cost": cost} if self.port else (given.transpose(1, 2), cost)


class Net(nn.Module):
    """Encodes, quantizes and decodes."""

    def __init__(self, fault: str, *, port: bool) -> None:
        super().__init__()
        self.encode, self.decode, self.port = nn.Conv1d(3, 4, 1), nn.Conv1d(4, 3, 1), port
        self.quantizer = Quantizer(fault, port=port)

    def forward(self, x: torch.Tensor) -> Any:
        """Return what is decoded, and the cost."""
        z = self.encode(x)
        if not self.port:
            given, cost = self.quantizer(z)
            return self.decode(given), cost
        found = self.quantizer(z.transpose(1, 2))
        return {"x": self.decode(found["z"].transpose(1, 2)), "cost": found["cost"]}


def build(seed: int = 0, fault: str = "", port: int = 0) -> dict[str, Any]:
    """Build either side."""
    torch.manual_seed(seed)
    net = Net(fault, port=bool(port))

    def step(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = net(batch["x"])
        made, cost = (found["x"], found["cost"]) if port else found
        return {"loss": functional.mse_loss(made, batch["x"]) + cost}

    batch = {"x": torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1))}
    return {"modules": {"net": net}, "batch": batch, "step": step}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """One recorded reference for the module."""
    return record(build, tmp_path_factory.mktemp("inside") / "ref", grads=True)


def report_on(capture: Capture, fault: str) -> Report:
    """Return what is said of the port with a fault."""
    return bisect(beside(capture, build, fault=fault, port=1), capture)


def test_a_port_that_is_written_otherwise_agrees(capture: Capture) -> None:
    """Its gradients do, too."""
    assert report_on(capture, "").verdict == "agrees"


def test_the_backward_pass_of_wrong_code_is_charged_to_nobody_else(capture: Capture) -> None:
    """Not to the code around, though what lies in it could not be taken apart; and the port's step runs, as it always did."""
    report = report_on(capture, "factor")
    assert [(culprit.kind, culprit.sites) for culprit in report.culprits] == [("code", ("net.quantizer",))]
    assert report.open_ends == ()


def test_a_gradient_that_was_not_compared_is_said_to_be_so(capture: Capture) -> None:
    """Nobody is blamed for it, and nobody is cleared."""
    report = report_on(capture, "stopped")
    assert (report.verdict, report.culprits) == ("inconclusive", ())
    assert "net.quantizer.codes could not be" in report.sentence
