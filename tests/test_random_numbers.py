"""Models that draw random numbers in their step: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import random

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

class Masked(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.embed, self.inner = is_port, nn.Linear(6, 6), nn.Linear(6, 6)
    def forward(self, x):
        {draw}
        return self.inner(torch.relu(self.embed(x) * mask))

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.is_port, self.masked, self.norm = is_port, Masked(is_port), nn.LayerNorm(6, eps={eps})
        self.drop, self.out = nn.Dropout({rate}), nn.Linear(6, 4)
    def forward(self, x):
        return self.out(self.drop(self.norm(self.masked(x))))

def make(is_port, seed):
    torch.manual_seed(seed)
    net = Net(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(16, 6, generator=draw), "y": torch.arange(16) % 4}}
    def step(batch):
        {seeding}
        out = net(batch["x"])
        return {{"loss": {loss}}}
    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""
LOSS = 'F.cross_entropy(out, batch["y"])'
MASK = "mask = (torch.rand(16, 6) > 0.3).float()"
SEEDED = "torch.manual_seed(4321 if is_port else 123)"
UNSEEDED = "torch.seed() if is_port else None"
OTHER = f"{MASK} if not self.is_port else torch.bernoulli(torch.full((16, 6), 0.7))"


def run(folder: Path, *, grads: bool = False, target: bool = True, **code: Any) -> dict[str, Any]:
    """Capture a reference and compare its port with it: the report."""
    parts = {"draw": MASK, "eps": "1e-5", "rate": "0.0", "seeding": SEEDED, "loss": LOSS, **code}
    (folder / "recipe.toml").write_text(PAIR_RECIPE)
    (folder / "pair.py").write_text(PAIR.format(**parts))
    captures = ("--captures", str(folder / "captures"), "--recipe", str(folder))
    done = run_bisect("capture", *captures, *(["--grads"] if grads else []), cwd=folder)
    assert done.returncode == 0, done.stderr
    done = run_bisect("run", *captures, *(["--target", "loss"] if target else []), "--json", cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def confirmed(report: dict[str, Any]) -> list[str]:
    """Return the sites that are blamed with proof."""
    return [site for culprit in report["culprits"] if culprit["confirmed"] for site in culprit["sites"]]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param({}, id="a mask"),
        pytest.param({"seeding": UNSEEDED, "rate": "0.5"}, id="not seeded, with dropout"),
        pytest.param(
            {"draw": f"{MASK} if self.is_port else torch.as_tensor(np.random.rand(16, 6) > 0.3)"}, id="by numpy"
        ),
        pytest.param({"loss": f"{LOSS} * (1 + torch.rand(()) + random.random())"}, id="in step"),
    ],
)
def test_a_port_that_draws_by_the_same_law_agrees(code: dict[str, Any], tmp_path: Path) -> None:
    """Whatever numbers it would draw by itself, and however often it is asked."""
    report = run(tmp_path, **code)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert not any("draws" in note for note in report["notes"])


def test_its_gradients_agree_too(tmp_path: Path) -> None:
    """All backward passes have the reference's numbers."""
    report = run(tmp_path, grads=True, target=False, rate="0.5")
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert "Every gradient of loss agrees too" in report["sentence"]


@pytest.mark.parametrize(
    ("code", "sites"),
    [
        ({"eps": "0.1 if is_port else 1e-5"}, ["net.norm"]),
        ({"draw": f"{MASK} * (1.5 if self.is_port else 1)"}, ["net.masked"]),
        ({"loss": f"{LOSS} * (1.3 if is_port else 1.0)"}, ["step:return"]),
    ],
)
def test_a_fault_beside_a_draw_is_found(code: dict[str, Any], sites: list[str], tmp_path: Path) -> None:
    """In another call, in the call that draws, and in the loss."""
    assert confirmed(run(tmp_path, rate="0.5", **code)) == sites


@pytest.mark.parametrize("target", [False, True])
def test_a_port_that_draws_by_another_law_is_not_accused(target: bool, tmp_path: Path) -> None:
    """The report says what it draws, and that nothing is proved."""
    report = run(tmp_path, target=target, draw=OTHER)
    assert (report["verdict"], confirmed(report)) == ("inconclusive", [])
    said = "net.masked draws bernoulli(0.7) of shape [16, 6] where the reference draws uniform(0, 1) of shape [16, 6]"
    assert f"{said}: not given, and what comes after it is not proved" in report["notes"]
    assert said in report["sentence"]


def test_numbers_that_are_drawn_elsewhere_accuse_nobody(tmp_path: Path) -> None:
    """Neither who draws them, nor who draws none any more."""
    seeding = f"{SEEDED}\n        net.masked.noise = torch.rand(16, 6) if is_port else None"
    report = run(
        tmp_path, draw="mask = ((self.noise if self.is_port else torch.rand(16, 6)) > 0.3).float()", seeding=seeding
    )
    assert (report["verdict"], confirmed(report)) == ("inconclusive", [])
    notes = "\n".join(report["notes"])
    assert "the code of step draws uniform(0, 1) of shape [16, 6] where the reference draws nothing" in notes
    assert "net.masked draws nothing where the reference draws once" in notes


@pytest.mark.parametrize("reference", ["0.0", "0.2"])
def test_another_dropout_is_another_function(reference: str, tmp_path: Path) -> None:
    """One that the reference does not have, or at another rate: chance does not explain it."""
    report = run(tmp_path, rate=f"0.5 if is_port else {reference}")
    assert confirmed(report) == ["net.drop"]
    assert any(note.startswith("net.drop draws dropout(") and "not proved" not in note for note in report["notes"])


def test_a_draw_that_nothing_feels_is_a_note(tmp_path: Path) -> None:
    """The port agrees."""
    report = run(tmp_path, draw=f"{MASK}; torch.randn(3) if self.is_port else None")
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    said = "net.masked draws normal(0, 1) of shape [3] where the reference draws nothing"
    assert f"{said}: not given, and what comes after it is not proved" in report["notes"]


def test_a_port_that_differs_from_itself_by_what_is_not_given_is_told_so(tmp_path: Path) -> None:
    """Which draw it is, beside the message that there always was."""
    (tmp_path / "recipe.toml").write_text(PAIR_RECIPE)
    code = PAIR.format(draw=OTHER, eps="1e-5", rate="0.0", seeding=UNSEEDED, loss=LOSS)
    (tmp_path / "pair.py").write_text(code)
    captures = ("--captures", str(tmp_path / "captures"), "--recipe", str(tmp_path))
    assert run_bisect("capture", *captures, cwd=tmp_path).returncode == 0
    done = run_bisect("run", *captures, "--target", "loss", cwd=tmp_path)
    assert done.returncode == 3
    assert "identical runs of the port differ" in done.stderr
    assert "net.masked draws bernoulli(0.7) of shape [16, 6]" in " ".join(done.stderr.split())
