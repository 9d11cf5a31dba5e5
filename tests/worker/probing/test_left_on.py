"""What a call leaves on its module for others to read: a value like its output, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from torch import nn

from bisect_tool.axes.calls.search import CALLS


class Features(nn.Module):
    """Leave a map, and what it was handed."""

    def __init__(self, act: Callable[[torch.Tensor], torch.Tensor], scale: float, kept: float) -> None:
        super().__init__()
        self.fc, self.act, self.scale, self.kept = nn.Linear(6, 8), act, scale, kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute."""
        hidden = self.act(self.fc(x))
        self.map = [hidden * self.scale]
        self.handed = x * self.kept
        return hidden


class Net(nn.Module):
    """Pool what its features give."""

    def __init__(self, *features: Any) -> None:
        super().__init__()
        self.features, self.head = Features(*features), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute."""
        return self.head(self.features(x))


def build(act: Callable[[torch.Tensor], torch.Tensor] = torch.tanh, scale: float = 2.0, kept: float = 1.0) -> Any:
    """Return the recipe's ``build`` of a net whose loss reads the map."""

    def built(seed: int = 0) -> dict[str, Any]:
        torch.manual_seed(seed)
        net = Net(act, scale, kept)
        x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))

        def step(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"loss": net(batch["x"]).square().mean() + net.features.map[0].square().mean()}

        return {"modules": {"net": net}, "batch": {"x": x}, "step": step}

    return built


@pytest.mark.parametrize(
    ("port", "blamed"),
    [
        pytest.param(build(), [], id="faithful"),
        pytest.param(build(kept=3.0), [], id="what nobody reads is another"),
        pytest.param(build(act=torch.relu), [("net.features",)], id="wrong output and wrong map"),
        pytest.param(build(scale=3.0), [("net.features",)], id="wrong map alone"),
    ],
)
def test_who_leaves_a_wrong_value_is_blamed_and_not_who_reads_it(port: Any, blamed: list[Any], tmp_path: Path) -> None:
    """The loss is given the reference's map, like any value that it reads; one that nobody reads is nobody's fault."""
    capture = in_process.record(build(), tmp_path / "capture")
    found = CALLS.search(in_process.opened(in_process.beside(capture, port), capture)).judged
    assert found is not None
    assert [suspect.pieces for suspect in found.suspects] == blamed
    assert all(suspect.proved for suspect in found.suspects)
