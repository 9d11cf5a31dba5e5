"""Lines in code that both sides call in another way: by other names, in another order, with other axes."""

from __future__ import annotations

import json

import pytest

from cli.desk import Desk

REFERENCE = """\
import torch
from torch import nn


class Mix(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(8, 8)

    def forward(self, x, state=None, *, scale):
        seen = torch.tanh(x) * scale
        mixed = seen + 0.5 * state
        return self.out(mixed)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.mix = Mix()

    def forward(self, x):
        hidden = self.first(x)
        return self.mix(hidden, state=hidden.flip(0)[:, :1], scale=hidden.mean())


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}

    def step(batch):
        out = net(batch["x"])
        error = out - 0.5
        return {"loss": (error**2).mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
FORWARD = "def forward(self, x, state=None, *, scale):"
PORT = REFERENCE.replace(FORWARD, "def forward(self, memory, x, factor):").replace("* scale", "* factor")
PORT = PORT.replace("0.5 * state", "0.5 * memory.T")
PORT = PORT.replace(
    "self.mix(hidden, state=hidden.flip(0)[:, :1], scale=hidden.mean())",
    "self.mix(hidden.flip(0)[:, :1].T, hidden, hidden.mean())",
)
RAISES = ("error = out - 0.5", "error = (out,).square()")


@pytest.mark.parametrize("crash", [False, True], ids=["runs", "raises later"])
def test_the_line_is_named_though_the_call_is_made_otherwise(crash: bool, desk: Desk) -> None:
    """A call is fed argument by argument, as in a forced pass; a port that raises is looked at as far as it runs."""
    wrong = PORT.replace("seen + 0.5", "seen - 0.5")
    desk.write(reference=REFERENCE, port=wrong.replace(*RAISES) if crash else wrong)
    assert desk.bisect("capture", "--seeds", "0").code == 0
    report = json.loads(desk.run("--json").out)
    (culprit,) = report["culprits"]
    assert culprit["sites"] == ["net.mix"]
    line = culprit["line"]["port"]
    assert "mixed = seen - 0.5 * memory.T" in line["text"][line["line"] - line["first"]]
    assert not [note for note in report["notes"] if "not looked for" in note]
