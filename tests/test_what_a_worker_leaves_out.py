"""A worker that announces less is asked less, and what it can do is judged all the same: real torch pairs, one capability missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from in_process import InProcess, record
from torch import nn

from bisect_tool import session
from bisect_tool.captures.described import Described
from bisect_tool.captures.reader import Capture
from bisect_tool.probes.port import WorkerPort
from bisect_tool.report.data import Report
from bisect_tool.worker import protocol

NOTES = {
    "survey": "lines of code were not looked for: the port's worker does not announce survey",
    "gradients": "gradients were not compared: the port's worker does not announce gradients",
    "optimizer": "the optimizer's step was not compared: the port's worker does not announce optimizer",
}
CULPRITS_NOTES = {
    ("activation", "values"): "what the culprits compute was not looked at: the port's worker does not announce values",
    **{
        (
            "detached",
            lacking,
        ): f"the lines of the backward pass were not looked for: the port's worker does not announce {lacking}"
        for lacking in ("statements", "survey")
    },
}


class Net(nn.Module):
    """Two layers, and what is between them as a fault has it."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.first, self.last, self.fault = nn.Linear(4, 8), nn.Linear(8, 2), fault
        if fault == "start":
            nn.init.zeros_(self.first.weight)

    def forward(self, x: Any) -> Any:
        """Compute two numbers for each row."""
        hidden = (torch.relu if self.fault == "activation" else torch.tanh)(self.first(x))
        return self.last((hidden + hidden.detach()) / 2 if self.fault == "detached" else hidden)


def build(seed: int = 0, fault: str = "") -> dict[str, Any]:
    """Build a model as a recipe does."""
    torch.manual_seed(seed)
    net = Net(fault)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2 if fault == "rate" else 0.1)
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}
    step = lambda batch: {"loss": (net(batch["x"]) ** 2).mean()}  # noqa: E731
    return {"modules": {"net": net}, "batch": batch, "step": step, "optimizer": optimizer}


class Lacking(InProcess):
    """A worker that cannot do one thing, and fails the test where it is asked for it."""

    def __init__(self, lacking: str, fault: str) -> None:
        super().__init__(build, {"fault": fault})
        self.capabilities = protocol.CAPABILITIES - {lacking}

    def ask(self, op: str, **fields: Any) -> Any:
        """Answer what is announced."""
        needed = protocol.REQUESTS[op].capability
        assert needed in self.capabilities | {protocol.ALWAYS}, f"asked for {op}"
        return super().ask(op, **fields)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """A capture of the faithful model, with gradients."""
    return record(build, tmp_path_factory.mktemp("lacking") / "ref", seeds=range(1, 5), grads=True)


def report_of(capture: Capture, tmp_path: Path, lacking: str, fault: str, target: str | None = None) -> Report:
    """Return what is said of a port whose worker lacks a capability."""

    def start() -> tuple[Any, Described]:
        worker = Lacking(lacking, fault)
        return worker, worker.described

    return session.bisect(WorkerPort.open(start, capture, [], tmp_path, []), capture, target=target)


@pytest.mark.parametrize("target", [None, "loss"])
@pytest.mark.parametrize("lacking", sorted(protocol.CAPABILITIES - {"run"}))
def test_a_faithful_port_agrees(capture: Capture, tmp_path: Path, lacking: str, target: str | None) -> None:
    """In what was asked: what was not is a note."""
    report = report_of(capture, tmp_path, lacking, "", target)
    assert (report.verdict, report.culprits) == ("agrees", ())
    announced = [note for note in report.notes if "announce" in note]
    assert announced == [NOTES[lacking] for _ in range(lacking in NOTES)]


@pytest.mark.parametrize("lacking", sorted(protocol.CAPABILITIES - {"run"}))
@pytest.mark.parametrize(
    ("fault", "needs", "named"),
    [
        ("activation", None, ("net",)),
        ("detached", "gradients", ("net",)),
        ("start", None, ("net.first.weight",)),
        ("rate", "optimizer", None),
    ],
)
def test_a_fault_is_found_as_far_as_the_rest_allows(
    capture: Capture, tmp_path: Path, lacking: str, fault: str, needs: str | None, named: tuple[str, ...] | None
) -> None:
    """Only what shows in nothing else is not seen without the capability."""
    report = report_of(capture, tmp_path, lacking, fault)
    expected = "agrees" if needs == lacking else "diverges"
    assert report.verdict == expected
    if expected == "diverges" and named is not None:
        assert [(culprit.sites, culprit.confirmed) for culprit in report.culprits] == [(named, True)]
    said = CULPRITS_NOTES.get((fault, lacking))
    assert said is None or report.notes.count(said) == 1
