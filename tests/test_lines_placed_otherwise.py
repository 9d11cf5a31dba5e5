"""Lines of code that the port has elsewhere: in a function for a module, in one of its own, without a name, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import lines_shown, record_switched, report_on

PAIR = """
import torch
from torch import nn


class Position(nn.Module):
    def forward(self, x):
        rows = torch.arange(x.shape[1]) + 1.0
        angles = rows[:, None] / torch.tensor([1.0, 10.0, 100.0, 1000.0])
        return torch.cat([angles.sin(), angles.cos()], 1)


def positions(n, fault):
    first = torch.linspace(0, n - 1, n) + (0.0 if fault == "first" else 1.0)
    turned = first[:, None] / torch.tensor([1.0, 10.0, 100.0, 1000.0])
    return torch.cat([turned.sin(), turned.cos()], 1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x, mask=None):
        q, k, v = self.qkv(x).chunk(3, -1)
        scores = q @ k.transpose(1, 2) / 8**0.5
        scores = scores if mask is None else scores + mask
        return self.proj(scores.softmax(-1) @ v)


class Handed(Attention):
    fault = ""

    def forward(self, x, allowed=None):
        q, k, v = self.qkv(x).chunk(3, -1)
        near = nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=allowed, scale=0.2 if self.fault == "scale" else None
        )
        return self.proj(near)


class Net(nn.Module):
    def __init__(self, fault, port):
        super().__init__()
        self.inside, self.out, self.fault, self.port = nn.Linear(8, 8), nn.Linear(8, 3), fault, port
        self.attend = (Handed if port else Attention)()
        self.attend.fault = fault
        if not port:
            self.position = Position()

    def forward(self, x):
        n = x.shape[1]
        if self.port:
            x = self.inside(x) + positions(n, self.fault)
            allowed = torch.ones(n, n).tril().bool() if self.fault != "nothing" else None
            return self.out((x + self.attend(x, allowed)) * (1.5 if self.fault == "times" else 1.0))
        x = self.inside(x) + self.position(x)
        mask = torch.full((n, n), float("-inf")).triu(1)
        return self.out(x + self.attend(x, mask=mask))


def mixed(x, noise, share, fault):
    kept = share.sqrt() * x
    return kept + (1 - share) * noise if fault == "share" else kept + (1 - share).sqrt() * noise


def build(seed=0, fault="", port=%s):
    torch.manual_seed(seed)
    net = Net(fault, port)
    share = torch.tensor([0.9, 0.5, 0.2])[:, None, None]

    def step(batch):
        noise = torch.randn(batch["x"].shape)
        if port:
            out = net(mixed(batch["x"], noise, share, fault))
        else:
            noisy = share.sqrt() * batch["x"] + (1 - share).sqrt() * noise
            out = net(noisy)
        return {"loss": nn.functional.cross_entropy(out.mean(1), batch["y"])}

    draw = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(3, 5, 8, generator=draw), "y": torch.tensor([0, 1, 2])}
    return {"modules": {"net": net}, "batch": batch, "step": step}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe whose port is written otherwise throughout; its reference is recorded."""
    return record_switched(tmp_path_factory.mktemp("otherwise"), PAIR)


def test_the_port_agrees(folder: Path) -> None:
    """It computes the same."""
    assert report_on(folder, "none")["verdict"] == "agrees"


@pytest.mark.parametrize(
    ("fault", "text", "most"),
    [
        ("first", "first = ", 5),  # in a function, for a module that the port does not have
        ("share", "return kept + ", 4),  # in a function of the port's own
        ("scale", "near = ", 4),  # with a name that the reference has nothing for
        ("times", "return self.out((x", 3),  # in the argument of a call, which makes right what it gives
        ("nothing", "self.attend(x, allowed)", 4),  # at the line that hands nothing over
    ],
)
def test_the_wrong_line_is_among_few(fault: str, text: str, most: int, folder: Path) -> None:
    """Wherever the reference has what it computes."""
    (culprit,) = report_on(folder, fault)["culprits"]
    assert culprit["confirmed"]
    shown = lines_shown(folder, culprit)
    assert any(text in line for line in shown)
    assert len(shown) <= most
