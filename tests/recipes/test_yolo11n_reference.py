"""The YOLO11n recipe's reference against figures of the original implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from golden_model import (
    check_finite,
    check_statistics,
    files_of,
    fill,
    leaves_of,
    read_golden,
    run_step,
    shapes_of,
    whole,
)

GOLDEN = read_golden("yolo11n")


@pytest.fixture(scope="module")
def load() -> Iterator[Callable]:
    """Import files of the recipe by name, and forget them again."""
    with files_of("yolo11n") as load:
        yield load


@pytest.fixture(scope="module")
def built(load) -> dict:
    """The reference with the golden weights."""
    built = load("reference").build()
    fill(whole(built), GOLDEN, constants="model.23.dfl.")
    return built


@pytest.fixture(scope="module")
def run(built) -> dict:
    """What one training step gives."""
    return run_step(built)


def test_state_has_the_golden_names_and_shapes(built):
    """Every state entry has its published name, shape and place."""
    assert shapes_of(whole(built)) == GOLDEN["state"]


def test_parameter_count(built):
    """The model has 2,624,080 parameters in 256 tensors."""
    parameters = list(whole(built).parameters())
    assert len(parameters) == 256
    assert sum(p.numel() for p in parameters) == GOLDEN["parameters"]


def test_leaf_modules_have_the_golden_settings(built):
    """Every leaf module has its published name, class and settings, in order."""
    assert leaves_of(whole(built)) == GOLDEN["leaf_modules"]


@pytest.mark.parametrize("layer", GOLDEN["layers"])
def test_layer_statistics(run, layer):
    """Each layer's output has the golden shape and statistics to float32 rounding."""
    check_statistics(run["outputs"][layer], GOLDEN["layers"][layer])


@pytest.mark.parametrize("name", GOLDEN["losses"])
def test_losses(run, name):
    """Each loss equals the golden one to float32 rounding."""
    assert run["losses"][name].item() == pytest.approx(GOLDEN["losses"][name], rel=1e-4)


@pytest.mark.parametrize("name", GOLDEN["grad_norms"])
def test_gradient_norms(built, run, name):
    """Gradients reach the parameters with their golden norms, those of all losses times the images."""
    norm = run["gradients"][name].norm().item() * len(built["batch"]["img"])
    assert norm == pytest.approx(GOLDEN["grad_norms"][name], rel=1e-3, abs=1e-7)


def test_parameters_without_gradient(run):
    """Only the fixed projection gets no gradient."""
    assert [k for k, v in run["gradients"].items() if v is None] == GOLDEN["parameters_without_gradient"]


def test_initial_class_loss(load):
    """With its own weights the class loss starts near 6: classes are taken to be rare."""
    built = load("reference").build()
    with torch.no_grad():
        assert built["step"](built["batch"])["cls_loss"].item() == pytest.approx(6.2, abs=0.4)


def test_images_without_boxes_have_no_box_losses(load):
    """Without a labelled box the box losses are 0 and still reach the parameters."""
    losses = check_finite(load("reference").build(size=64, boxes=0))
    assert losses["box_loss"].item() == losses["dfl_loss"].item() == 0
    assert losses["cls_loss"].item() > 0
