"""Initial values, asked about by the real command line on real torch: faults that are proved, and faithful ports that start the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import PAIR_RECIPE, run_bisect

PAIR = """
import math
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self, is_port):
        super().__init__()
        self.fc, self.norm, self.out = nn.Linear(16, 256), nn.BatchNorm1d(256), nn.Linear(256, 4)
        {net}
    def forward(self, x):
        return self.out(self.norm(torch.relu(self.fc(x)))) {forward}

def make(is_port, seed):
    {seeding}
    net = Net(is_port)
    draw = torch.Generator().manual_seed(0)
    batch = {{"x": torch.randn(8, 16, generator=draw), "y": torch.arange(8) % 4}}
    return {{
        "modules": {{"net": net}}, "batch": batch,
        "step": lambda b: {{"loss": F.cross_entropy(net(b["x"]), b["y"]) {loss}, "rows": b["x"].shape[0] * 1.0}},
    }}

def ref(seed=0):
    return make(False, seed)

def port(seed=0):
    return make(True, seed)
"""
SEEDED = "torch.manual_seed(seed + 100 * is_port)"


def asked(
    tmp_path: Path, net: str, forward: str = "", seeding: str = SEEDED, *targets: str, loss: str = ""
) -> dict[str, Any]:
    """Capture a pair whose code is right but for what ``forward`` and ``loss`` add, and return the report about its port."""
    (tmp_path / "pair.py").write_text(PAIR.format(net=net, forward=forward, seeding=seeding, loss=loss))
    (tmp_path / "recipe.toml").write_text(PAIR_RECIPE)
    where = ("--recipe", str(tmp_path), "--captures", str(tmp_path / "captures"))
    assert run_bisect("capture", *where).returncode == 0
    done = run_bisect("run", *where, "--json", *(word for target in targets for word in ("--target", target)))
    assert done.returncode in (0, 1, 3), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


FAULTS = {
    "head too small": ("nn.init.normal_(self.out.weight, std=0.01 if is_port else 1.0)", "net.out.weight", "0.0"),
    "initialiser did nothing": (
        "is_port or nn.init.trunc_normal_(self.fc.weight, std=0.02)",
        "net.fc.weight",
        "the default initialisation",
    ),
    "ones for zeros": ("nn.init.constant_(self.out.bias, 1.0 * is_port)", "net.out.bias", "the constant 1"),
    "zeros for draws": ("is_port and nn.init.zeros_(self.out.weight)", "net.out.weight", "all zero"),
    "statistics at zero": ("is_port and self.norm.running_var.zero_()", "net.norm.running_var", "the constant 0"),
    "table in another order": (
        'self.register_buffer("anchors", torch.arange(12.0).reshape(2, 6).flip(0) if is_port else torch.arange(12.0).reshape(2, 6))',
        "net.anchors",
        "in another order",
    ),
    "table in other units": (
        'self.register_buffer("anchors", torch.tensor([10.0, 16, 33]) / (8 if is_port else 1))',
        "net.anchors",
        "off by",
    ),
    "a constant for a table that is trained": (
        "self.rates = nn.Parameter(torch.full((6,), 5.0) if is_port else torch.arange(1.0, 7).log())",
        "net.rates",
        "the constant 5",
    ),
    "index shifted": ('self.register_buffer("index", torch.arange(9) + 1 * is_port)', "net.index", "off by"),
}


@pytest.mark.parametrize("target", [(), ("loss",)], ids=["no target", "loss"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_start_that_is_otherwise_is_proved_whether_the_loss_shows_it_or_not(
    fault: str, target: tuple[str, ...], tmp_path: Path
) -> None:
    """By the reference's own seeds; never is such a port said to agree."""
    net, site, words = FAULTS[fault]
    report = asked(tmp_path, net, "", SEEDED, *target)
    assert report["verdict"] == "diverges"
    (culprit,) = report["culprits"]
    assert (culprit["kind"], culprit["sites"], culprit["confirmed"]) == ("values", [site], True)
    assert any(words in finding["message"] for finding in culprit["findings"])


MOVED = """class Inner(nn.Module):
            def __init__(self):
                super().__init__()
                rates = torch.arange(1.0, 5).log()
                self.rates = nn.Parameter(rates.flip(0) if is_port else rates)
            def forward(self, x):
                return x * self.rates.exp() + (0 if is_port else x)
        self.inner, self.moved = Inner(), is_port"""


def test_numbers_in_another_order_are_wrong_where_the_code_takes_them_as_they_are(tmp_path: Path) -> None:
    """Also in a module whose code is placed otherwise: the search cleared it with the reference's numbers as they are."""
    forward = "+ self.inner(x[:, :4]) + (x[:, :4] if self.moved else 0)"
    report = asked(tmp_path, MOVED, forward)
    assert [(c["sites"], c["confirmed"]) for c in report["culprits"]] == [(["net.inner.rates"], True)]
    assert report["verdict"] == "diverges"


FAITHFUL = {
    "other draws": "pass",
    "a table that rounds otherwise": (
        "a = torch.arange(4096.0)[:, None]; w = torch.arange(8) / 8; "
        'self.register_buffer("t", (torch.sin(a.double() * 1e4 ** -w.double()).float() if is_port '
        "else torch.sin(a * torch.exp(-w * math.log(1e4)))))"
    ),
    "a mask that shuts by another number": (
        'self.register_buffer("m", torch.full((4, 4), -1e9 if is_port else -math.inf).triu(1))'
    ),
    "features by a seed of their own": (
        'self.register_buffer("f", torch.randn(16, 32, generator=torch.Generator().manual_seed(7 + is_port)))'
    ),
    "a law of another shape": "(nn.init.uniform_(self.fc.weight, -0.0346, 0.0346) if is_port else nn.init.normal_(self.fc.weight, std=0.02))",
    "a parameter of one number": "self.scale = nn.Parameter(torch.randn(1))",
    "tied weights": "self.fc2 = nn.Linear(16, 256); self.fc2.weight = self.fc.weight",
}


@pytest.mark.parametrize("target", [(), ("loss",)], ids=["no target", "loss"])
@pytest.mark.parametrize("kind", FAITHFUL)
def test_a_faithful_start_is_not_accused(kind: str, target: tuple[str, ...], tmp_path: Path) -> None:
    """It draws other numbers, rounds otherwise, or shuts a mask by another number."""
    report = asked(tmp_path, FAITHFUL[kind], "", SEEDED, *target)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    assert "within the reference's spread" in report["sentence"]
    assert ("these start by other laws: net.fc.weight" in report["sentence"]) == (kind == "a law of another shape")


def test_a_seed_that_is_ignored_is_said_and_its_spread_of_zero_not_used(tmp_path: Path) -> None:
    """A port with draws of its own is not accused of them."""
    report = asked(tmp_path, "pass", "", "torch.manual_seed(7 + is_port)", "loss")
    assert report["verdict"] == "agrees"
    assert "was not asked: the reference's build gives the same weights whatever the seed" in report["sentence"]


def test_a_port_with_the_references_very_values_starts_the_same_whatever_the_seed(tmp_path: Path) -> None:
    """All of them are compared, bit by bit."""
    report = asked(tmp_path, "pass", "", "torch.manual_seed(7)", "loss")
    assert report["sentence"].endswith("its parameters start with the reference's values.")


def test_a_target_that_feels_no_weight_is_said(tmp_path: Path) -> None:
    """Its spread of zero is not used; what other targets feel is asked all the same."""
    report = asked(tmp_path, "pass", "", SEEDED, "rows")
    assert report["verdict"] == "agrees"
    assert "rows of the reference is the same at every seed although its weights are not" in report["sentence"]


def test_another_momentum_is_named_by_what_it_leaves(tmp_path: Path) -> None:
    """No target of one run shows it: its running statistics do."""
    report = asked(tmp_path, "self.norm.momentum = 0.03 if is_port else 0.1")
    assert report["sentence"].startswith("The code of net.norm is wrong")
    (culprit,) = report["culprits"]
    assert culprit["confirmed"]
    assert any("momentum 0.03, reference 0.1" in finding["message"] for finding in culprit["findings"])
