"""A loss that the port writes out, where the reference calls one function: the real command line on torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import TORCH_PAIR, run_bisect

CODE = """
import torch
import torch.nn.functional as F
from torch import nn


class Criterion:
    def __call__(self, out, classes):
        loss = torch.zeros(2)
{lines}
        loss[1] = 0.5 * out.square().mean()
        return loss.sum(), loss.detach()


def build(seed=0):
    torch.manual_seed(seed)
    net, criterion = nn.Linear(6, 4), Criterion()
    draw = torch.Generator().manual_seed(1)
    batch = {{"x": torch.randn(5, 6, generator=draw), "y": torch.tensor([0, 1, 2, 3, 1])}}

    def step(batch):
        total, items = criterion(net(batch["x"]), batch["y"])
        return {{"loss": total, "cls_loss": items[0]}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}
"""
CALLED = "        loss[0] = F.cross_entropy(out, classes)"
WRITTEN = """        top = out - out.max()
        logp = top - top.exp().sum(-1, keepdim=True).log()
        picked = logp.gather(1, classes[:, None])
        loss[0] = -picked.mean()"""
FAULTS = {
    "the sum": (".sum(-1, keepdim=True)", ".mean(-1, keepdim=True)"),
    "the sign": ("-picked", "1 - picked"),
    "the classes": ("classes[:, None]", "classes.flip(0)[:, None]"),
}


def report(folder: Path, reference: str, port: str) -> dict[str, Any]:
    """Return the report on a port whose loss has some lines, beside a reference's."""
    (folder / "recipe.toml").write_text(TORCH_PAIR)
    (folder / "ref.py").write_text(CODE.format(lines=reference))
    (folder / "port.py").write_text(CODE.format(lines=port))
    where = ("--recipe", str(folder), "--captures", str(folder / "captures"))
    assert run_bisect("capture", *where, "--model", "ref").returncode == 0
    found: dict[str, Any] = json.loads(run_bisect("run", *where, "--target", "cls_loss", "--json").stdout)
    return found


def lines_of(culprit: dict[str, Any]) -> set[str]:
    """Return the port's lines that a culprit names."""
    port = culprit["line"]["port"]
    return {f"{port['file']}:{port['line']}", *culprit["line"]["unclear"]}


def test_it_agrees(tmp_path: Path) -> None:
    """However it is written."""
    assert report(tmp_path, CALLED, WRITTEN)["verdict"] == "agrees"


@pytest.mark.parametrize("fault", FAULTS)
def test_its_fault_lies_between_what_agrees_and_what_does_not(fault: str, tmp_path: Path) -> None:
    """No expression on the way is one of the reference's, be it right or wrong: none is said to be what is wrong."""
    wrong = WRITTEN.replace(*FAULTS[fault])
    (culprit,) = report(tmp_path, CALLED, wrong)["culprits"]
    number = next(n for n, line in enumerate(CODE.format(lines=wrong).splitlines(), 1) if FAULTS[fault][1] in line)
    assert culprit["confirmed"]
    assert f"port.py:{number}" in lines_of(culprit)
    assert culprit["line"]["port_marks"] == []
    (between,) = (finding["message"] for finding in culprit["findings"] if finding["check"] == "between")
    assert between.startswith("from out and classes (which agree) to Criterion.__call__:loss (which does not): lines ")
    assert between.endswith("the reference has F.cross_entropy(out, classes)")


def test_an_operation_that_one_side_lacks_is_marked(tmp_path: Path) -> None:
    """All else is computed in the same steps."""
    (culprit,) = report(tmp_path, WRITTEN, WRITTEN.replace("-picked", "-0.5 * picked"))["culprits"]
    assert [mark["text"] for mark in culprit["line"]["port_marks"]] == ["-0.5 * picked.mean()"]
