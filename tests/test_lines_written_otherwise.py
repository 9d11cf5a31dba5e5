"""Faults in plain code whose variables have other names than the reference's, or another form: the real command line on torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import TORCH_PAIR, run_bisect

REFERENCE = """
import torch
from torch import nn


class Levels(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        low = x.mean(1, keepdim=True)
        high = x - low
        return {"low": self.first(low + high.abs()), "high": self.second(high)}


def terms(out, target):
    xy, wh = out["low"][:, :2], out["high"][:, 2:]
    near = ((xy - target[:, :2]) ** 2).sum()
    size = ((wh.exp() - target[:, 2:]) ** 2).sum()
    return near, size


def overlap(a, b):
    first = (a * b).sum(1)
    return first / a.square().sum(1)


def waves(x, y):
    a = torch.view_as_real(torch.fft.fft(x))
    b = torch.view_as_real(torch.fft.fft(y))
    return (a - b).abs().mean()


def build(seed=0):
    torch.manual_seed(seed)
    net = Levels()
    draw = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(12, 4, generator=draw), "t": torch.rand(12, 4, generator=draw)}

    def step(batch):
        out = net(batch["x"])
        near, size = terms(out, batch["t"])
        share = overlap(out["low"], batch["t"])
        return {"near": near, "size": size, "share": share.mean(), "waves": waves(out["low"], batch["t"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""

PORT = """
import torch
from torch import nn


class Levels(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        parts = [x.mean(1, keepdim=True)]
        parts.append(x - parts[0])
        sums = [parts[0] + parts[1].abs(), parts[1]]
        given = [layer(y) for layer, y in zip((self.first, self.second), sums)]
        return tuple(given)


def losses(pred, goal):
    centre, log = pred[0][:, :2], pred[1][:, 2:]
    n = ((centre - goal[:, :2]) ** 2).sum()
    s = ((log.exp() - goal[:, 2:]) ** 2).sum()
    return n, s


def cover(p, q):
    top = (p * q).sum(1)
    return top / p.square().sum(1)


def waves(x, y):
    a = torch.fft.fft(x)
    b = torch.fft.fft(y)
    return torch.view_as_real(a - b).abs().mean()


def build(seed=0):
    torch.manual_seed(seed)
    net = Levels()
    draw = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(12, 4, generator=draw), "t": torch.rand(12, 4, generator=draw)}

    def step(batch):
        pred = net(batch["x"])
        n, s = losses(pred, batch["t"])
        c = cover(pred[0], batch["t"])
        return {"near": n, "size": s, "share": c.mean(), "waves": waves(pred[0], batch["t"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose reference is captured."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "recipe.toml").write_text(TORCH_PAIR)
    (folder / "ref.py").write_text(REFERENCE)
    (folder / "port.py").write_text(PORT)
    done = run_bisect(
        "capture", "--recipe", str(folder), "--captures", str(folder / "captures"), "--seeds", "0", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("right", "wrong", "target", "lines"),
    [
        pytest.param(
            "((log.exp() -", "((log -", "size", ["s = ((log - goal[:, 2:]) ** 2).sum()"],
            id="the line of the other loss is not named",
        ),
        pytest.param(
            "centre, log = pred[0][:, :2], pred[1][:, 2:]", "centre, log = pred[1][:, 2:], pred[0][:, :2]", "size",
            ["centre, log = pred[1][:, 2:], pred[0][:, :2]"],
            id="values that are swapped clear nothing",
        ),
        pytest.param(
            'cover(pred[0], batch["t"])', 'cover(batch["t"], pred[0])', "share",
            ['c = cover(batch["t"], pred[0])'],
            id="arguments that are swapped are named where they are passed",
        ),
        pytest.param(
            "torch.view_as_real(a - b).abs()", "(a - b).abs()", "waves", ["return (a - b).abs().mean()"],
            id="complex numbers are no fault of the lines before",
        ),
        pytest.param(
            "parts[0] + parts[1].abs()", "parts[0] + parts[1]", "near",
            [
                    "parts.append(x - parts[0])",
                "sums = [parts[0] + parts[1], parts[1]]",
                "given = [layer(y) for layer, y in zip((self.first, self.second), sums)]",
            ],
            id="what comes after the calls that are handed it is not named",
        ),
    ],
)  # fmt: skip
def test_no_more_lines_are_named_than_nothing_clears(
    right: str, wrong: str, target: str, lines: list[str], pair: Path
) -> None:
    """The wrong one is among them, and the rest are those that no value tells from it."""
    assert PORT.count(right) == 1
    text = PORT.replace(right, wrong)
    (pair / "port.py").write_text(text)
    where = ("--recipe", str(pair), "--captures", str(pair / "captures"))
    report = json.loads(run_bisect("run", *where, "--target", target, "--json", cwd=pair).stdout)
    (culprit,) = (c for c in report["culprits"] if c["confirmed"])
    places = [*culprit["line"]["unclear"], f"port.py:{culprit['line']['port']['line']}"]
    numbers = sorted(int(place.removeprefix("port.py:")) for place in places)
    assert [text.splitlines()[number - 1].strip() for number in numbers] == lines
