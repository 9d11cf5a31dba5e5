"""The Gold-YOLO recipe's reference against figures of the original implementation."""

from __future__ import annotations

import math
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

GOLDEN = read_golden("gold_yolo_n")
# The original was built with batch norms that agree between processes, which here there is one of.
CLASSES = {"SyncBatchNorm": "BatchNorm2d", "SimFusion_4in": "SimFusion4in"}
WARMUP_EPOCHS = {"task_aligned": 0, "atss": 1}
LAST = ("detect.cls_preds.", "detect.reg_preds.")
per_assigner = pytest.mark.parametrize("assigner", WARMUP_EPOCHS)


@pytest.fixture(scope="module")
def load() -> Iterator[Callable]:
    """Import files of the recipe by name, and forget them again."""
    with files_of("gold_yolo") as load:
        yield load


@pytest.fixture(scope="module")
def original(load) -> torch.nn.Module:
    """The model as the original is built, random residuals included."""
    return load("reference").GoldYOLO()


@pytest.fixture(scope="module")
def runs(load) -> dict:
    """What one training step with the golden weights gives under each assigner."""

    def run(warmup_epochs: int) -> dict:
        built = load("reference").build(boxes=4, warmup_epochs=warmup_epochs)
        fill(whole(built), GOLDEN, constants="detect.proj")
        return run_step(built)

    return {assigner: run(epochs) for assigner, epochs in WARMUP_EPOCHS.items()}


def test_state_has_the_golden_names_and_shapes(original):
    """Every state entry has its published name, shape and place."""
    assert shapes_of(original) == GOLDEN["state"]


def test_parameter_count(original):
    """The model has 5,617,930 parameters, of which 34 are constants."""
    sizes = [(p.numel(), p.requires_grad) for p in original.parameters()]
    assert sum(size for size, _ in sizes) == GOLDEN["parameters"] == 5_617_930
    assert sum(size for size, trainable in sizes if trainable) == GOLDEN["trainable"] == 5_617_896


def test_leaf_modules_have_the_golden_settings(original):
    """Every leaf module has its published name, class and settings, in order."""
    drop_prob = {"DropPath": {"drop_prob": pytest.approx(0.1)}}  # the original's was a float32
    assert leaves_of(original) == [
        [name, CLASSES.get(kind, kind), settings | drop_prob.get(kind, {})]
        for name, kind, settings in GOLDEN["leaf_modules"]
    ]


def test_modules_return_in_the_golden_order(runs):
    """Modules return in the original's order."""
    golden = [name for name, _ in GOLDEN["order"]]
    assert [name for name in runs["atss"]["order"] if name in golden] == golden


@pytest.mark.parametrize("layer", GOLDEN["layers"])
def test_layer_statistics(runs, layer):
    """Each layer's output has the golden shape and statistics to float32 rounding."""
    check_statistics(runs["task_aligned"]["outputs"][layer], GOLDEN["layers"][layer])


@per_assigner
@pytest.mark.parametrize("name", ["iou_loss", "dfl_loss", "cls_loss"])
def test_losses(runs, assigner, name):
    """Each loss equals the golden one to float32 rounding."""
    assert runs[assigner]["losses"][name].item() == pytest.approx(GOLDEN["losses"][assigner][name], rel=1e-4)


@per_assigner
def test_gradients(runs, assigner):
    """Gradients have their golden norms; none and exactly zero are those of the golden parameters."""
    golden, gradients = GOLDEN["losses"][assigner], runs[assigner]["gradients"]
    assert [name for name, gradient in gradients.items() if gradient is None] == golden["without_gradient"]
    assert zero_gradients(runs[assigner]) == golden["zero_gradient"]
    norms = {name: gradients[name].norm().item() for name in golden["grad_norms"]}
    assert norms == pytest.approx(golden["grad_norms"], rel=1e-3, abs=1e-7)


def zero_gradients(run: dict) -> list[str]:
    return [name for name, gradient in run["gradients"].items() if gradient is not None and not gradient.any()]


@per_assigner
def test_nothing_before_zeroed_heads_gets_a_gradient(load, assigner):
    """As the original starts, the gradient of all 302 parameters before the last convolutions is exactly zero."""
    built = load("reference").build(warmup_epochs=WARMUP_EPOCHS[assigner])
    for cls, reg in zip(built["modules"]["detect"].cls_preds, built["modules"]["detect"].reg_preds, strict=True):
        assert not cls.weight.any()
        assert not reg.weight.any()
        assert cls.bias.tolist() == pytest.approx([-math.log(99)] * 20)
        assert reg.bias.tolist() == [1] * 4
    run = run_step(built)
    before = [name for name in zero_gradients(run) if not name.startswith(LAST)]
    assert len(before) == 302
    trained = [name for name, gradient in run["gradients"].items() if gradient is not None]
    assert before == [name for name in trained if not name.startswith(LAST)]


def test_heads_that_are_not_zeroed_stay_as_drawn(load):
    """Without zeroed heads the last convolutions keep their drawn weights, and every parameter gets a gradient."""
    built = load("reference").build(zero_heads=False)
    drawn = [p for name, p in whole(built).named_parameters() if name.startswith(LAST) and name.endswith("weight")]
    assert len(drawn) == 6
    assert all(0.03 < weight.std() * weight.shape[1] ** 0.5 < 3 for weight in drawn)
    assert zero_gradients(run_step(built)) == []


@per_assigner
def test_an_image_without_boxes_keeps_all_finite(load, assigner):
    """One image without boxes, and then both, leave every loss and gradient finite; no box means no box loss."""
    options = {"size": 64, "zero_heads": False, "warmup_epochs": WARMUP_EPOCHS[assigner]}
    assert check_finite(load("reference").build(boxes=[3, 0], **options))["iou_loss"] > 0
    losses = check_finite(load("reference").build(boxes=[0, 0], **options))
    assert losses["iou_loss"] == losses["dfl_loss"] == 0
    assert losses["cls_loss"] > 0


def test_images_have_unequal_boxes(load):
    """Left alone, the batch's two images have five and three boxes."""
    targets = load("reference").build(size=64)["batch"]["targets"]
    assert targets[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_the_usual_overlap_is_that_of_a_sample(load):
    """An anchor must overlap by more than mean plus sample deviation of the near ones, which no golden figure tells apart."""
    overlap, near = torch.rand(1, 2, 50, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 2, 50)
    near[:, :, 10:37] = 1
    std, mean = torch.std_mean(overlap[:, :, 10:37], dim=-1, keepdim=True)
    torch.testing.assert_close(load("reference_atss").usual_overlap(overlap, near), mean + std)


@per_assigner
def test_an_empty_slot_changes_no_assignment(load, assigner):
    """What an image's anchors are assigned does not depend on how many boxes the other image has."""
    together = assigned(load, assigner, boxes=[5, 3])
    alone = assigned(load, assigner, boxes=[0, 3])
    assert together[2][1].sum() > 3
    for both, single in zip(together, alone, strict=True):
        torch.testing.assert_close(both[1], single[1])


def assigned(load: Callable, assigner: str, boxes: list[int]) -> tuple:
    """Assign drawn predictions to drawn boxes, the second image's the same whatever the first one has."""
    shared = load("torch_boxes")
    generator = torch.Generator().manual_seed(0)
    anchors, strides = shared.anchor_points([torch.zeros(2, 1, 64 // s, 64 // s) for s in (2, 4, 8)], (2, 4, 8))
    pred_boxes = shared.from_sides(anchors, 4 * torch.rand(2, len(anchors), 4, generator=generator)) * strides
    scores = torch.rand(2, len(anchors), 20, generator=generator)
    rows = torch.cat([0.3 + 0.4 * torch.rand(8, 2, generator=generator), torch.full((8, 2), 0.3)], dim=1)
    rows = torch.cat([rows[: boxes[0]], rows[5:]])
    image = torch.tensor([0, 1]).repeat_interleave(torch.tensor(boxes))
    labels, padded = shared.pad_targets(image, torch.arange(len(rows), 0, -1), rows, torch.zeros(2, 3, 64, 64))
    if assigner == "atss":
        cells = [(64 // s) ** 2 for s in (2, 4, 8)]
        return load("reference_atss").assign_atss(anchors * strides, strides, cells, labels, padded, pred_boxes, 20)
    return load("torch_assigner").assign_task_aligned(
        scores, pred_boxes, anchors * strides, labels, padded, overlap_of=shared.iou, topk=13, alpha=1.0, beta=6.0
    )
