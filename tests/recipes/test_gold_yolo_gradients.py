"""Every fault in the backward pass and the optimizer of the gold_yolo port is named, the faithful port never accused: real Jittor."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import RECIPES, capture_recipe, check_backward, check_steps, imports_from, report_of, sampled

pytestmark = pytest.mark.jittor

with imports_from(RECIPES / "gold_yolo", RECIPES / "detection"):
    from gradient_faults import IN_THE_BACKWARD
    from optimizer_faults import IN_THE_STEP

SIZE = "size=192"  # pixels: a third of the usual work


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the recipe, with gradients."""
    return capture_recipe("gold_yolo", tmp_path_factory.mktemp("gradients"), SIZE, words=["--grads"])


@pytest.mark.parametrize("fault", sampled(IN_THE_BACKWARD))
def test_each_fault_of_the_backward_pass_is_named(fault: str, captured: Path) -> None:
    """One culprit, proved, with exactly the calls or parameters at fault, and the line where one is known."""
    check_backward(*report_of("gold_yolo", captured, SIZE, f"fault={fault}", target=None), IN_THE_BACKWARD[fault])


@pytest.mark.parametrize("fault", sampled(IN_THE_STEP))
def test_each_fault_of_the_optimizer_is_named(fault: str, captured: Path) -> None:
    """One culprit: the parameters that the optimizer steps otherwise."""
    check_steps(*report_of("gold_yolo", captured, SIZE, f"fault={fault}", target=None), IN_THE_STEP[fault])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_faithful_port_agrees(seed: int, captured: Path) -> None:
    """Its values, its gradients and its optimizer step, whatever its own seed."""
    code, report = report_of("gold_yolo", captured, SIZE, f"seed={seed}", target=None)
    assert (code, report["verdict"], report["culprits"], report["open_ends"]) == (0, "agrees", [], [])
    assert all(row["same"] for row in report["gradients"]["by_module"])


def test_without_gradients_the_values_agree(captured: Path) -> None:
    """A run on the way forward alone says so, and how to compare gradients."""
    fault = next(iter(IN_THE_BACKWARD))
    code, report = report_of("gold_yolo", captured, SIZE, f"fault={fault}")
    assert (code, report["verdict"], report["culprits"]) == (0, "agrees", [])
    assert any("gradients were not compared" in note for note in report["notes"])
