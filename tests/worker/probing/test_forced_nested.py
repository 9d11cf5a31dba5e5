"""A forced pass of a net whose calls hand on nested tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import in_process
import pytest
import torch
from test_forced import forced, off
from torch import nn


class Scale(nn.Module):
    """A linear layer, scaled."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight, self.factor = nn.Parameter(torch.randn(4, 4)), factor

    def forward(self, x: Any) -> Any:
        """Compute."""
        return nn.functional.linear(x, self.weight) * self.factor


class Net(nn.Module):
    """Add what two layers make of rows of several lengths."""

    def __init__(self, layout: Any, factor: float) -> None:
        super().__init__()
        self.first, self.second = Scale(2.0), Scale(factor)
        self.layout = layout

    def forward(self, first: Any, second: Any) -> Any:
        """Compute."""
        x = torch.nested.as_nested_tensor([first, second], layout=self.layout)
        x = self.first(x) + x
        return sum(part.square().sum() for part in self.second(x).unbind())


@pytest.mark.filterwarnings("ignore:.*nested tensors")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_a_fault_is_seen_where_it_is_made(layout: Any, tmp_path: Path) -> None:
    """Both calls are recorded calls, and each is given the reference's parts."""

    def build_of(factor: float) -> Any:
        def build(seed: int = 0) -> dict[str, Any]:
            torch.manual_seed(seed)
            net = Net(layout, factor)
            batch = {"first": torch.randn(3, 4), "second": torch.randn(5, 4)}
            return {"modules": {"net": net}, "batch": batch, "step": lambda b: {"loss": net(**b)}}

        return build

    capture = in_process.record(build_of(3.0), tmp_path / "capture")
    for factor, wrong in ((3.0, set()), (4.0, {"net.second"})):
        reading = forced(in_process.beside(capture, build_of(factor)))
        rows = {site: row for site, row in reading.watched.items() if site != "net"}
        assert len(rows) == 2
        assert {site for site, row in rows.items() if off(row.output) > 1e-3} == wrong
        assert not any(off(row.inputs) or row.unknown_inputs or row.unknown_output for row in rows.values())
