"""Recording YOLO11n in this process, with real torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import RECIPES, imports_from

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import shards, trees
from bisect_tool.worker.code import lines
from bisect_tool.worker.model import build, calls
from bisect_tool.worker.recording.recorder import Recorder

RECIPE = RECIPES / "yolo11n"


@pytest.fixture
def model() -> Iterator[build.Model]:
    """The reference on a small image; what the recipe imports is forgotten again."""
    with imports_from(RECIPE, RECIPES / "detection"):
        yield build.build(
            torch_adapter, torch_adapter.load_entry(str(RECIPE), "reference.py:build"), {"size": 64, "images": 2}
        )


def recorded(model: build.Model, folder: Path, include: tuple = (), exclude: tuple = ()) -> tuple:
    """Record one run; return its recorder and its targets."""
    watched = lines.Lines([str(RECIPE), str(RECIPES / "detection")], [])
    store = shards.ShardWriter(str(folder))
    recorder = Recorder(torch_adapter, store, watched, include, exclude, lambda **_fields: None)
    with calls.wrapped(torch_adapter, model.tree, recorder.around, recorder.watching):
        targets = model.run_step(model.batch)
    recorder.store.flush()
    model.restore()
    return recorder, targets


def test_outputs_and_targets_are_those_of_a_run_without_hooks(model: build.Model, tmp_path: Path) -> None:
    """Every module's recorded output has the bits that plain torch hooks see; so have the losses."""
    recorder, targets = recorded(model, tmp_path)
    seen: dict[str, np.ndarray] = {}
    handles = [
        module.register_forward_hook(
            lambda _m, _i, out, name=name: seen.update(
                {f"{name}:{path}": t.detach().numpy().copy() for path, t in trees.leaves(out, torch.is_tensor)}
            )
        )
        for name, module, _ in model.tree
        if not name.endswith("act")  # one shared module: torch's hooks cannot tell its callers apart
    ]
    plain = model.run_step(model.batch)
    for handle in handles:
        handle.remove()
    assert {k: v.item() for k, v in targets.items()} == {k: v.item() for k, v in plain.items()}
    last = {entry["module"]: entry for entry in recorder.sites}
    compared = 0
    for name, entry in last.items():
        for path, key in trees.keys(entry["output"]):
            if f"{name}:{path}" in seen:
                assert np.array_equal(recorder.store.read(key), seen[f"{name}:{path}"])
                compared += 1
    assert compared > 250


def test_the_model_is_left_as_it_came(model: build.Model, tmp_path: Path) -> None:
    """No wrapper stays on any module, and the state is the one that build left."""
    before = {name: tensor.detach().clone() for name, (tensor, _, _) in model.state.items()}
    recorded(model, tmp_path)
    assert not any("forward" in vars(module) for _, module, _ in model.tree)
    assert all(torch.equal(tensor, before[name]) for name, (tensor, _, _) in model.state.items())


def test_a_failing_step_leaves_no_wrapper(model: build.Model) -> None:
    """An exception inside the model takes the wrappers off as well."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"), calls.wrapped(torch_adapter, model.tree, fail):
        model.run_step(model.batch)
    assert not any("forward" in vars(module) for _, module, _ in model.tree)


def test_inputs_refer_to_what_is_a_site_already(model: build.Model, tmp_path: Path) -> None:
    """A convolution's output, a batch norm's input and so on are stored once."""
    recorder, _ = recorded(model, tmp_path)
    outputs = {key for entry in recorder.sites for _, key in trees.keys(entry["output"])}
    norms = [entry for entry in recorder.sites if entry["module"].endswith(".bn")]
    assert len(norms) == 81
    assert all(key in outputs for entry in norms for _, key in trees.keys(entry["inputs"]))
    assert recorder.store.written < 0.5 * sum(
        np.prod(recorder.store.table[key]["shape"]) * 4
        for entry in recorder.sites
        for part in ("inputs", "output")
        for _, key in trees.keys(entry[part])
    )


def test_shards_are_written_as_the_run_goes(
    model: build.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in memory stays below a shard and one tensor, whatever the model gives."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 200_000)
    recorder, _ = recorded(model, tmp_path)
    sizes = [path.stat().st_size for path in tmp_path.glob("shard-*.safetensors")]
    largest = max(int(np.prod(entry["shape"])) * 4 for entry in recorder.store.table.values())
    assert len(sizes) > 10
    assert max(sizes) < 200_000 + largest + 100_000


def test_include_and_exclude_choose_modules(model: build.Model, tmp_path: Path) -> None:
    """Patterns choose what is recorded; every call keeps its place in the order of calls."""
    recorder, _ = recorded(model, tmp_path, ("model.1*",), ("model.10*", "*.act"))
    modules = {entry["module"] for entry in recorder.sites}
    assert "model.1.conv" in modules
    assert not any(name.startswith("model.10") or name.endswith(".act") or name == "model.2" for name in modules)
    assert len(recorder.calls) == 384
