"""Jittor's own classes: its models are opened as a user's are, and its layers are layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisect_tool.captures.described import Described
from bisect_tool.recipes.load import load_recipe
from bisect_tool.workers.start import build_model, start_worker

pytestmark = pytest.mark.jittor
TOML = '[models.ref]\nframework = "jittor"\nentry = "net.py:build"\n'
SOURCE = """
import sys

import jittor
from jittor import nn
from jittor.models.resnet import BasicBlock


def beside_torch():
    was_there = "torch" in sys.modules
    import torch

    torch.nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 2, 2)).sum().backward()
    try:
        torch.ones(2, 3) @ torch.ones(2, 3)
    except RuntimeError:
        return "torch" if was_there else "no_torch"


def build(seed=0):
    parts = {
        beside_torch(): nn.Relu(),
        "block": BasicBlock(4, 4),
        "attn": jittor.attention.MultiheadAttention(4, 2),
        "max": nn.MaxPool2d(2, 2),
        "mean": nn.AvgPool2d(2, 2),
        "conv": nn.Conv1d(2, 3, 1),
        "lstm": nn.LSTM(2, 2),
        "bce": nn.BCEWithLogitsLoss(pos_weight=jittor.ones(3), size_average=False),
        "some": nn.Sequential(nn.Linear(2, 2), nn.Relu()),
    }
    parts["some"].np, parts["block"].type = 4, "models.BasicBlock"
    return {"modules": parts, "batch": {}, "step": lambda batch: {}}
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    """A model of many of Jittor's classes, as its worker describes it."""
    folder: Path = tmp_path_factory.mktemp("jittor_modules")
    (folder / "recipe.toml").write_text(TOML)
    (folder / "net.py").write_text(SOURCE)
    recipe = load_recipe(folder)
    worker = start_worker(recipe, recipe.model("ref"), silence_limit=500)
    try:
        return build_model(worker, recipe, "ref", {})
    finally:
        worker.close()


def test_a_model_of_the_library_s_is_opened(described: Described) -> None:
    """Its layers are listed with their parameters: as one leaf it had none."""
    inside = {m.name: m.class_ for m in described.modules if m.name.startswith("block.")}
    assert inside["block.conv1"] == "Conv2d"
    assert {"block.bn1", "block.conv2", "block.bn2"} <= inside.keys()
    assert {"block.conv1.weight", "block.bn2.running_var"} <= {e.name for e in described.state}
    assert {"attn.out_proj.weight"} <= {e.name for e in described.state}


@pytest.mark.parametrize("name", ["max", "mean", "conv", "lstm"])
def test_a_layer_that_keeps_another_in_itself_is_one(described: Described, name: str) -> None:
    """A pool has its settings in a child, a Conv1d computes with one: neither is a call that another framework makes."""
    assert [(m.name, m.leaf) for m in described.modules if m.name.split(".")[0] == name] == [(name, True)]


def test_settings_are_what_the_classes_assign(described: Described) -> None:
    """A pool's are its child's; what others write on a module is none."""
    found = {m.name: m.settings for m in described.modules}
    assert found["max"]["kernel_size"] == found["mean"]["stride"] == [2, 2]
    assert found["block"]["stride"] == 1
    assert not {"np", "type"} & {*found["some"], *found["block"]}


def test_a_loss_has_buffers_and_a_reduction_as_torch_s_has(described: Described) -> None:
    """What weighs the classes trains nowhere, though Jittor lists it among the parameters."""
    (weight,) = (entry for entry in described.state if entry.name.startswith("bce."))
    assert (weight.name, weight.kind, weight.trainable) == ("bce.pos_weight", "buffer", False)
    (settings,) = (m.settings for m in described.modules if m.name == "bce")
    assert (settings["reduction"], "size_average" in settings) == ("sum", False)


def test_torch_is_loaded_where_a_port_imports_it(described: Described) -> None:
    """Not by Jittor, which takes thrice the time and memory with it; a port can, and its errors can be caught."""
    assert {"torch", "no_torch"} & {m.name for m in described.modules} == {"no_torch"}
