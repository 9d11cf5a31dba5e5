"""Code that hooks onto tensors, or stops their gradients: a port may do as the reference does, and is found where it does not."""

from __future__ import annotations

import json

import pytest

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
        if not x.requires_grad:
            raise RuntimeError("nothing to learn from")
        seen = self.fc(x)
        seen.retain_grad()
        return torch.tanh(seen)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        x = self.fc(x).square()
        return x, torch.tanh(2 * x)


class Stop(nn.Module):
    def forward(self, x):
        return x.detach()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.block, self.both, self.stop = nn.Linear(4, 4), Block(), Both(), Stop()
        self.teacher, self.last, self.frozen = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 4)
        self.frozen.requires_grad_(False)
        self.last.weight.register_hook(lambda gradient: 0.5 * gradient)

    def forward(self, x):
        x = self.stem(x)
        x.register_hook(lambda gradient: 0.5 * gradient)
        x = self.block(x)
        first, second = self.both(x)
        with torch.no_grad():
            taught = self.teacher(x)
        out = self.last(first.sigmoid() + second + taught + self.stop(x) + self.frozen(x.detach()))
        out.retain_grad()
        return out
"""
    + LEARNING
)
NO_HOOK = ("        x.register_hook(lambda gradient: 0.5 * gradient)\n", "")
NO_WEIGHT_HOOK = ("        self.last.weight.register_hook(lambda gradient: 0.5 * gradient)\n", "")
LEARNING_TEACHER = ("with torch.no_grad()", "with torch.enable_grad()")
NO_STOP = ("return x.detach()", "return x * 1")
SECOND_ONLY = ("first.sigmoid()", "first.detach().sigmoid()")
THROUGH_FROZEN = ("self.frozen(x.detach())", "self.frozen(x)")


@pytest.mark.parametrize("options", [(), ("--grads",)])
def test_a_port_that_hooks_as_the_reference_does_agrees(desk: Desk, options: tuple[str, ...]) -> None:
    """What is given in a layer's place takes gradients where the layer's own value does."""
    desk.write(reference=REFERENCE, port=REFERENCE)
    assert desk.bisect("capture", "--seeds", "0", *options).code == 0
    report = json.loads(desk.bisect("run", "--json").out)
    assert (report["verdict"], report["culprits"], report["open_ends"]) == ("agrees", [], [])


def test_what_the_port_does_otherwise_is_found(desk: Desk) -> None:
    """A hook, a stop, a path: each is charged to the code that has it in the reference."""
    at_fault = {
        NO_HOOK: "net",
        NO_WEIGHT_HOOK: "net.last",
        LEARNING_TEACHER: "net",
        NO_STOP: "net.stop",
        SECOND_ONLY: "net",
    }
    desk.write(reference=REFERENCE, port=REFERENCE)
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    for change, owner in at_fault.items():
        desk.write(reference=REFERENCE, port=changed(change, model=REFERENCE))
        (culprit,) = json.loads(desk.bisect("run", "--json").out)["culprits"]
        assert (change, culprit["kind"], culprit["sites"], culprit["confirmed"]) == (change, "gradient", [owner], True)


def test_what_was_not_compared_is_not_said_to_be_right(desk: Desk) -> None:
    """Behind a frozen layer that is handed something detached, the reference has no gradient to compare with."""
    desk.write(reference=REFERENCE, port=changed(THROUGH_FROZEN, model=REFERENCE))
    assert desk.bisect("capture", "--seeds", "0", "--grads").code == 0
    report = json.loads(desk.bisect("run", "--json").out)
    (said,) = report["open_ends"]
    assert (report["verdict"], report["culprits"]) == ("inconclusive", [])
    assert "what could be compared is right, but the gradients of the output of net.frozen could not be" in said
