"""Code whose wrong gradients go only to other wrong code, and code that does what another call does in the reference."""

from __future__ import annotations

import json

from cli.desk import LEARNING, Desk, changed

REFERENCE = (
    """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        seen = torch.tanh(x)
        return self.fc(seen) + x


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 1)

    def forward(self, x):
        return self.fc(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Linear(4, 4), nn.Sequential(Block(), Block())
        self.one, self.two = nn.Linear(4, 1), Head()

    def forward(self, x):
        x = self.blocks(self.stem(x))
        turned = (1.3 * x).detach() - 0.3 * x
        return self.one(x) + self.two(turned)
"""
    + LEARNING
)
TURN = ("(1.3 * x).detach() - 0.3 * x", "(0.7 * x).detach() + 0.3 * x")
HALF = ("seen = torch.tanh(x)", "seen = torch.tanh(x)\n        seen = 0.5 * seen + (0.5 * seen).detach()")


# The net's reversal in the head.
MOVED = (
    ("turned = (1.3 * x).detach() - 0.3 * x", "turned = x"),
    ("return self.fc(x)\n", "x = (1.3 * x).detach() - 0.3 * x\n        return self.fc(x)\n"),
)


def test_wrong_code_behind_other_wrong_code_is_named_too(desk: Desk) -> None:
    """The net turns a gradient the wrong way that reaches wrong blocks alone: both are proved."""
    desk.write(reference=REFERENCE, port=changed(TURN, HALF, model=REFERENCE))
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    report = json.loads(desk.bisect("run", "--json").out)
    assert {tuple(culprit["sites"]) for culprit in report["culprits"]} == {("net.blocks.0", "net.blocks.1"), ("net",)}
    assert all(culprit["confirmed"] and culprit["sufficient"] for culprit in report["culprits"])
    (cleared,) = [words for words in report["ruled_out"] if words.startswith("the backward pass of ")]
    assert cleared.startswith("the backward pass of the other 7 module calls: ")
    desk.write(reference=REFERENCE, port=changed(TURN, model=REFERENCE))
    (alone,) = json.loads(desk.bisect("run", "--json").out)["culprits"]
    assert (alone["sites"], alone["confirmed"]) == (["net"], True)


def test_what_another_call_does_in_the_reference_is_no_fault(desk: Desk) -> None:
    """By itself the port agrees; beside wrong blocks these alone are blamed, and a note says what was seen."""
    desk.write(reference=REFERENCE, port=changed(*MOVED, model=REFERENCE))
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    report = json.loads(desk.bisect("run", "--json").out)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])
    desk.write(reference=REFERENCE, port=changed(*MOVED, HALF, model=REFERENCE))
    report = json.loads(desk.bisect("run", "--json").out)
    (culprit,) = report["culprits"]
    assert (culprit["sites"], culprit["confirmed"]) == (["net.blocks.0", "net.blocks.1"], True)
    assert [note for note in report["notes"] if "the own code of net.two, net passes on other gradients too" in note]


def test_the_lines_before_the_call_that_lacks_a_gradient_are_shown_with_it(desk: Desk) -> None:
    """What the port assigns on the way may be the mistake as well as the line that calls."""
    stopped = ("seen = torch.tanh(x)", "seen = torch.tanh(x)\n        seen = seen.detach()")
    desk.write(reference=REFERENCE, port=changed(stopped, model=REFERENCE))
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    (culprit,) = json.loads(desk.bisect("run", "--json").out)["culprits"]
    text = (desk.recipe / "port.py").read_text().splitlines()
    places = [f"port.py:{culprit['line']['port']['line']}", *culprit["line"]["unclear"]]
    shown = [text[int(place.rpartition(":")[2]) - 1].strip() for place in places]
    assert shown == ["return self.fc(seen) + x", "seen = seen.detach()"]
