"""A layer that raises is called several times: left to the port, its first call raises, and it never comes to the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import in_process
import torch
from torch import nn

from bisect_tool.axes.calls.search import CALLS


class Scale(nn.Module):
    """Doubles its input, or takes no input at all."""

    def __init__(self, *, raising: bool) -> None:
        """``raising``: it says that the input is too small, as a framework's pooling does."""
        super().__init__()
        self._raising = raising

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return twice the input."""
        if self._raising:
            msg = "size of var should be larger than kernel_size"
            raise RuntimeError(msg)
        return 2 * x


class Thrice(nn.Module):
    """One layer three times."""

    def __init__(self, *, raising: bool) -> None:
        """Make the layer."""
        super().__init__()
        self.scale = Scale(raising=raising)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return eight times the input."""
        return self.scale(self.scale(self.scale(x)))


class Net(nn.Module):
    """A layer that is called three times between two others; where it raises, an activation is wrong too."""

    def __init__(self, *, raising: bool) -> None:
        """Make the layers."""
        super().__init__()
        self.act = nn.ReLU() if raising else nn.SiLU()
        self.first, self.last = nn.Linear(6, 6), nn.Linear(6, 6)
        self.thrice = Thrice(raising=raising)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what comes out."""
        return self.last(self.thrice(self.act(self.first(x))))


def built(seed: int = 0, *, raising: bool) -> dict[str, Any]:
    """Return a recipe's answer."""
    torch.manual_seed(seed)
    batch = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
    net = Net(raising=raising)
    return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(b).square().mean()}}


def test_the_layer_that_raises_and_the_wrong_code_are_suspected(tmp_path: Path) -> None:
    """Not who calls it, nor the layers beside it."""
    capture = in_process.record(lambda seed=0: built(seed, raising=False), tmp_path / "capture")
    port = in_process.beside(capture, lambda seed=0: built(seed, raising=True))
    found = CALLS.search(in_process.opened(port, capture)).judged
    assert found is not None
    raising = {"net.thrice.scale", "net.thrice.scale#2", "net.thrice.scale#3"}
    assert {piece for suspect in found.suspects for piece in suspect.pieces} == {*raising, "net.act"}
