"""What a target feels little of is no other way of writing: noise as large as each part's own error tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import in_process
import torch
from torch import nn

from bisect_tool.axes.calls.search import CALLS
from bisect_tool.questions.ranges import Tolerance

LITTLE = 1e-4  # of what step reads is made of what the fault changes


class Net(nn.Module):
    """Two values: ``scores``, which a fault in the last layer's input changes by little, and ``features``, by all."""

    def __init__(self, *, from_first: bool) -> None:
        """``from_first``: the last layer is handed the first one's output, not the second one's."""
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self._from_first = from_first

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what step reads, and what it does not."""
        first = self.first(x)
        second = self.second(first)
        features = self.last(first if self._from_first else second)
        return {"scores": 1 + LITTLE * features, "features": features}


def built(seed: int = 0, *, wrong: bool) -> dict[str, Any]:
    """Return a recipe's answer."""
    torch.manual_seed(seed)
    batch = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
    net = Net(from_first=wrong)
    return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(b)["scores"].mean()}}


def suspects(tmp_path: Path, *, wrong: bool) -> list[set[str]]:
    """Return the pieces of each suspect, where the target may move by more than the fault makes it."""
    capture = in_process.record(lambda seed=0: built(seed, wrong=False), tmp_path / "capture")
    port = in_process.beside(capture, lambda seed=0: built(seed, wrong=wrong))
    found = CALLS.search(in_process.opened(port, capture, tolerance=Tolerance(rtol=0.01))).judged
    assert found is not None
    return [set(suspect.pieces) for suspect in found.suspects]


def test_a_fault_that_the_target_hardly_feels_is_named(tmp_path: Path) -> None:
    """The target agrees, and feels noise as large as the larger part's error a thousand times as much."""
    assert suspects(tmp_path, wrong=True) == [{"net"}]


def test_nobody_is_suspected_in_the_faithful_port(tmp_path: Path) -> None:
    """Nothing is off."""
    assert suspects(tmp_path, wrong=False) == []
