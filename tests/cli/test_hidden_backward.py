"""Code whose wrong gradients go only to other code that is put right: no pass shows it, and it is not cleared."""

from __future__ import annotations

import json

from cli.desk import Desk, changed

REFERENCE = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        seen = torch.tanh(x)
        return self.fc(seen) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Linear(4, 4), nn.Sequential(Block(), Block())
        self.one, self.two = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        turned = (1.3 * x).detach() - 0.3 * x
        return self.one(x) + self.two(turned)


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    batch = {"x": torch.linspace(-1, 1, 12).reshape(3, 4)}

    def step(batch):
        return {"loss": (net(batch["x"]) - 1).square().mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""
TURN = ("(1.3 * x).detach() - 0.3 * x", "(0.7 * x).detach() + 0.3 * x")
HALF = ("seen = torch.tanh(x)", "seen = torch.tanh(x)\n        seen = 0.5 * seen + (0.5 * seen).detach()")


def test_who_is_put_right_beside_the_culprits_is_neither_ruled_out_nor_silent(desk: Desk) -> None:
    """The net turns a gradient the wrong way that reaches wrong blocks alone; by itself it is a culprit."""
    desk.write(reference=REFERENCE, port=changed(TURN, HALF, model=REFERENCE))
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    report = json.loads(desk.bisect("run", "--json").out)
    named = {site for culprit in report["culprits"] for site in culprit["sites"]}
    assert named == {"net.blocks.0", "net.blocks.1"}
    (cleared,) = [words for words in report["ruled_out"] if words.startswith("the backward pass of ")]
    assert cleared.startswith("the backward pass of the other 6 module calls: ")
    assert [note for note in report["notes"] if "the own code of net passes on other gradients too" in note]
    (culprit,) = report["culprits"]
    assert culprit["sufficient"]["what"] == "net.blocks.0, net.blocks.1 passing the reference's gradients on"
    desk.write(reference=REFERENCE, port=changed(TURN, model=REFERENCE))
    (alone,) = json.loads(desk.bisect("run", "--json").out)["culprits"]
    assert (alone["sites"], alone["confirmed"]) == (["net"], True)
