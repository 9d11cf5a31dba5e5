"""Recording the gradients of YOLO11n in this process: against plain autograd, and piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import RECIPES, imports_from

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.code import lines
from bisect_tool.worker.model import build
from bisect_tool.worker.recording import record

RECIPE = RECIPES / "yolo11n"


class Wire:
    """Takes progress, and does nothing with it."""

    def event(self, *_kind: object, **_fields: object) -> None:
        """Take an event."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[build.Model, dict, Path]]:
    """A model, and its manifest with gradients."""
    with imports_from(RECIPE, RECIPES / "detection"):
        function = torch_adapter.load_entry(str(RECIPE), "reference.py:build")
        model = build.build(torch_adapter, function, {"size": 64, "images": 2})
        folder = tmp_path_factory.mktemp("gradients")
        watched = lines.Lines([str(RECIPE), str(RECIPES / "detection")], [])
        record.record(model, None, watched, Wire(), str(folder), [], [], [], {"of": None})
        yield model, json.loads((folder / "manifest.json").read_text()), folder


def tensor(recorded: tuple[build.Model, dict, Path], key: str) -> np.ndarray:
    """Return one recorded array."""
    from safetensors import safe_open

    _, manifest, folder = recorded
    with safe_open(folder / manifest["tensors"][key]["file"], framework="np") as shard:
        return shard.get_tensor(key)


def test_parameters_have_the_gradients_of_plain_autograd(recorded: tuple[build.Model, dict, Path]) -> None:
    """To the bit; the targets are those of a run without gradients, and the model is left as it was."""
    model, manifest, _ = recorded
    targets = model.run_step(model.fresh_batch())
    assert {name: value.item() for name, value in targets.items()} == manifest["targets"]
    names = list(manifest["gradients"]["parameters"])
    plain = torch.autograd.grad(
        sum(targets.values()), [model.state[name][0] for name in names], allow_unused=True, retain_graph=True
    )
    for name, gradient in zip(names, plain, strict=True):
        key = manifest["gradients"]["parameters"][name]
        assert (key is None) == (gradient is None)
        assert key is None or np.array_equal(tensor(recorded, key), gradient.numpy())
    model.restore()


def test_the_pieces_make_up_the_whole(recorded: tuple[build.Model, dict, Path]) -> None:
    """What the calls contribute to a parameter is its gradient; every output's gradient is known to within rounding."""
    _, manifest, _ = recorded
    gradients = manifest["gradients"]
    sums: dict[str, np.ndarray] = {}
    for entry in gradients["sites"].values():
        for name, (key, _) in entry["state"].items():
            if key is not None:
                sums[name] = sums.get(name, 0.0) + tensor(recorded, key)
    compared = 0
    for name, key in gradients["parameters"].items():
        if key is not None:
            scale = max(np.abs(tensor(recorded, key)).max(), gradients["noise"]["parameters"][name])
            np.testing.assert_allclose(sums[name], tensor(recorded, key), atol=1e-3 * scale)
            compared += 1
    assert compared > 200
    for site, entry in gradients["sites"].items():
        for path, (key, floor) in entry["output"].items():
            rms = 0.0 if key is None else np.sqrt(np.mean(np.square(tensor(recorded, key), dtype=np.float64)))
            assert floor <= 1e-3 * rms + 1e-9, (site, path)


def test_a_detached_assigner_passes_nothing_on(recorded: tuple[build.Model, dict, Path]) -> None:
    """Statements have edges to what they read; what the reference detaches is known to be constant."""
    gradients = recorded[1]["gradients"]
    statements = dict(gradients["statements"]["step"])
    assert set(statements["ciou:overlap#2|value"]) == {f"ciou:{name}#2|value|" for name in ("a_w", "a_h", "shared")}
    assert gradients["connected"]["ciou:alpha#2"] == {"": False}
    assert gradients["connected"]["ciou:overlap#2"] == {"": True}
    assert statements["ciou:alpha#2|value"] == {}
