"""Calls inside functional transforms: nobody can look at their values, so they are let through, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_model import WIRE, lines_of

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.model import build
from bisect_tool.worker.recording import record

SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def row(self, h):
        again = h + 0 * torch.rand_like(h)
        return self.last(again)

    def forward(self, x):
        h = self.first(x)
        {made}
        return out


def build(seed=0):
    torch.manual_seed(seed)
    net, x = Net(), torch.linspace(-1, 1, 15).reshape(5, 3)

    def step(batch):
        out = net(batch["x"])
        return {{"loss": (out * out).mean()}}

    return {{"modules": {{"net": net}}, "batch": {{"x": x}}, "step": step}}
"""


@pytest.mark.parametrize(
    "made",
    [
        "out = torch.vmap(self.row, randomness='different')(h)",
        "out = torch.func.grad(lambda given: self.row(given).pow(2).sum())(h)",
    ],
)
def test_calls_inside_a_transform_are_let_through_and_named(made: str, tmp_path: Path) -> None:
    """Also the variables and random draws there; all other calls are recorded, with gradients."""
    (tmp_path / "inside.py").write_text(SOURCE.format(made=made))
    (tmp_path / "capture").mkdir()

    def built(seed: int = 0) -> build.Model:
        return build.build(torch_adapter, torch_adapter.load_entry(str(tmp_path), "inside.py:build"), {"seed": seed})

    how: dict[str, Any] = {"include": [], "exclude": [], "seeds": [], "grads": {"of": None}}
    manifest = record.record(built(), built, lines_of(tmp_path), WIRE, str(tmp_path / "capture"), **how)
    assert manifest["transformed"] == ["net.last"]
    assert set(manifest["calls"]) == {"net", "net.first"}
    assert not [v for v in manifest["variables"] if "again" in v["site"]]
    assert manifest["gradients"]["parameters"]["net.first.weight"] is not None
