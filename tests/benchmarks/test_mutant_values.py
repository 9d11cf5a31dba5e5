"""What a mutant is said to change, from the values of a run with it and of runs without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from conftest import ROOT, imports_from

with imports_from(ROOT / "benchmarks"):
    from mutant_values import Values

PLAIN = {"output net.0#1/0": 1.0, "state net.w": 1.0, "target loss": 1.0, "gradient net.w": 1.0}


class Given(Values):
    """Runs that give the numbers that a mutant lists; a weight's last bits move everything by 1e-7."""

    def _run(self, mutants: list[Mapping[str, Any]], noise_seed: int | None = None) -> dict[str, torch.Tensor | None]:
        numbers = {**PLAIN, **(mutants[0] if mutants else {})}
        scale = 1.0 if noise_seed is None else 1.0 + 1e-7
        return {name: torch.tensor([number * scale], dtype=torch.float64) for name, number in numbers.items()}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "equivalent"),
        ({"output net.0#2/0": 1.0}, "equivalent"),  # a ReLU called twice
        ({"target loss": 1.0 + 2e-7}, "below rounding"),
        ({"gradient net.w": 2.0}, "gradient"),
        ({"target loss": 1.0 + 1e-6}, "changed"),
        ({"state net.v": 1.0}, "changed"),
    ],
)
def test_what_a_mutant_changes_is_told_by_its_values(changed: dict[str, float], status: str) -> None:
    assert Given("yolo11n", "", {}).effect([changed])["status"] == status
