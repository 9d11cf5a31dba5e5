"""Faults in functions outside the recipe, a loss that pip installed among them, are named at their line: the real command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cli.desk import Desk

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "detloss"
version = "1.0"
"""
LOSSES = '''
import torch
import torch.nn.functional as F


class Criterion:
    """A focal loss and a box loss: no module."""

    def __init__(self, alpha=0.25, gamma=2.0):
        self.alpha, self.gamma = alpha, gamma

    def focal(self, logits, target):
        probability = torch.sigmoid(logits)
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        kept = probability * target + (1 - probability) * (1 - target)
        weight = self.alpha * target + (1 - self.alpha) * (1 - target)
        return weight * (1 - kept) ** self.gamma * entropy

    def __call__(self, logits, boxes, batch):
        target = one_hot(batch["labels"], logits.shape[-1])
        positive = target.sum(-1)
        cls_loss = self.focal(logits, target).sum() / positive.sum()
        box_loss = ((boxes - batch["boxes"]).abs().sum(-1) * positive).mean()
        return cls_loss, box_loss


def one_hot(labels, classes):
    columns = torch.arange(classes)
    return (labels[:, None] == columns).float()
'''
MODEL = """
import torch
from torch import nn
from MODULE import Criterion


def build(seed=0):
    torch.manual_seed(seed)
    net = nn.ModuleDict({"cls": nn.Linear(6, 5), "box": nn.Linear(6, 4)})
    criterion = Criterion()
    draw = torch.Generator().manual_seed(0)
    x, boxes = torch.randn(12, 6, generator=draw), torch.rand(12, 4, generator=draw)
    batch = {"x": x, "boxes": boxes, "labels": torch.arange(12) % 6}

    def step(batch):
        cls_loss, box_loss = criterion(net["cls"](batch["x"]), net["box"](batch["x"]), batch)
        return {"cls_loss": cls_loss, "box_loss": box_loss}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
TOML = """
[models.ref]
framework = "torch"
entry = "reference.py:build"
env = { PYTHONPATH = "../../installed" }

[models.port]
framework = "torch"
entry = "port.py:build"
env = { PYTHONPATH = "../../helpers" }
"""
FAULTS = {
    "probability": ("torch.sigmoid(logits)", "torch.sigmoid(logits).sigmoid()"),
    "kept": ("(1 - probability) * (1 - target)", "(1 - probability)"),
    "columns": ("torch.arange(classes)", "torch.arange(classes) + 1"),
}


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A recipe whose reference takes its loss from an installed package, and whose port has it in a folder of helpers; captured."""
    folder = tmp_path_factory.mktemp("elsewhere")
    package = folder / "package"
    (package / "detloss").mkdir(parents=True)
    (package / "pyproject.toml").write_text(PROJECT)
    (package / "detloss" / "__init__.py").write_text("")
    (package / "detloss" / "losses.py").write_text(LOSSES)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(folder / "installed"), str(package)], check=True)
    (folder / "helpers").mkdir()
    desk = Desk(folder)
    toml = TOML.replace("../../", f"{folder}/")
    desk.write(toml=toml, reference=MODEL.replace("MODULE", "detloss.losses"), port=MODEL.replace("MODULE", "bridge"))
    assert desk.bisect("capture", "--seeds", "4").code == 0
    return desk


def report_of(desk: Desk, *words: str) -> dict:
    """Run the port; return the report."""
    done = desk.bisect("run", "--json", *words)
    assert done.code in (0, 1, 3), done.err
    report: dict = json.loads(done.out)
    return report


@pytest.mark.parametrize("variable", FAULTS)
def test_a_line_in_a_file_that_is_not_the_recipes_is_named(captured: Desk, variable: str) -> None:
    """With the line of the installed package beside it."""
    (captured.folder / "helpers" / "bridge.py").write_text(LOSSES.replace(*FAULTS[variable]))
    report = report_of(captured, "--target", "cls_loss")
    (culprit,) = report["culprits"]
    assert culprit["confirmed"]
    line = culprit["line"]
    for side, file in (("port", "bridge.py"), ("reference", "detloss/losses.py")):
        assert line[side]["file"] == file
        assert (
            line[side]["text"][line[side]["line"] - line[side]["first"]].strip().startswith((f"{variable} =", "return"))
        )
    assert any("detloss/losses.py (reference) and bridge.py (port)" in note for note in report["notes"])


def test_a_port_with_its_loss_elsewhere_agrees(captured: Desk) -> None:
    """And nothing is said of files that nobody looked into."""
    (captured.folder / "helpers" / "bridge.py").write_text(LOSSES)
    report = report_of(captured)
    assert report["verdict"] == "agrees"
    assert not any("bridge.py" in note for note in report["notes"])


def test_watch_narrows_and_the_report_says_so(captured: Desk) -> None:
    """A recipe that names functions hides all others: nobody shall believe that these were looked at."""
    (captured.folder / "helpers" / "bridge.py").write_text(LOSSES.replace(*FAULTS["probability"]))
    toml = (captured.recipe / "recipe.toml").read_text()
    try:
        captured.write(
            toml=toml + '\n[watch]\nfunctions = ["*:one_hot"]\n',
            reference=(captured.recipe / "reference.py").read_text(),
            port=(captured.recipe / "port.py").read_text(),
        )
        report = report_of(captured, "--target", "cls_loss")
    finally:
        (captured.recipe / "recipe.toml").write_text(toml)
    assert any("only in the functions that [watch] of recipe.toml names: *:one_hot" in note for note in report["notes"])
