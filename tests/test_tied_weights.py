"""A reference with tied weights, and a port that holds them once or twice: the real command line on real torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self, tied):
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(7, 6), nn.Linear(6, 6), nn.Linear(6, 7, bias=False)
        if tied:
            self.head.weight = self.embed.weight
        else:
            self.head.weight.data.copy_(self.embed.weight.data)
    def forward(self, x):
        return self.head(torch.tanh(self.mix(self.embed(x))))

def make(seed, tied):
    torch.manual_seed(seed)
    net = Net(tied)
    batch = {"x": torch.arange(16) % 7, "y": torch.arange(16) % 5}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}

def ref(seed=0):
    return make(seed, True)

def port(seed=0, tied=0):
    return make(seed, bool(tied))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One captured pair for the module."""
    folder = tmp_path_factory.mktemp("tied")
    recipe = folder / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(PAIR)
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", "--grads", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def report_of(folder: Path, option: str, *words: str) -> tuple[int, dict]:
    """Run the port with an option; return exit code and report."""
    done = run_bisect("run", "--recipe", str(folder / "pair"), "--json", "--option", option, *words, cwd=folder)
    return done.returncode, json.loads(done.stdout)


def test_a_parameter_that_the_port_holds_twice_is_named(folder: Path) -> None:
    """Each copy gets a part of the gradient; together they have the reference's."""
    code, report = report_of(folder, "tied=0")
    (culprit,) = report["culprits"]
    assert (code, culprit["kind"], culprit["sites"], culprit["confirmed"]) == (1, "gradient", ["net.head.weight"], True)
    assert "net.head.weight is not tied to net.embed.weight as in the reference" in report["sentence"]
    assert culprit["sufficient"]["verdict"] == "agrees"


def test_the_norm_of_all_gradients_counts_each_part_once(folder: Path) -> None:
    """What the copy got is in the first one's gradient, once that is put right: both probes prove the same as without a target."""
    code, report = report_of(folder, "tied=0", "--target", "grad_norm")
    (culprit,) = report["culprits"]
    assert (code, culprit["sites"], culprit["confirmed"]) == (1, ["net.head.weight"], True)
    assert [culprit[proof]["verdict"] for proof in ("sufficient", "necessary")] == ["agrees", "diverges"]


def test_a_port_that_ties_them_too_agrees(folder: Path) -> None:
    """One tensor under two names on both sides."""
    code, report = report_of(folder, "tied=1")
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", []), report["sentence"]


APART = PAIR.replace("self.head.weight.data.copy_(self.embed.weight.data)", "pass").replace(
    "return make(seed, True)", "return make(seed, False)"
)


def test_a_port_that_ties_what_the_reference_holds_apart_is_told_so(tmp_path: Path) -> None:
    """One tensor cannot have both values: whose code reads it cannot be judged."""
    recipe = tmp_path / "pair"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(PAIR_RECIPE)
    (recipe / "pair.py").write_text(APART)
    done = run_bisect("capture", "--recipe", str(recipe), "--seeds", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert report_of(tmp_path, "tied=0")[1]["verdict"] == "agrees"
    code, report = report_of(tmp_path, "tied=1")
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert "net.head.weight is the same tensor as net.embed.weight in the port" in report["sentence"]
