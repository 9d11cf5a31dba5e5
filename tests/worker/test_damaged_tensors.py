"""A recorded tensor that is not the one that was recorded ends whatever request reads it, whoever catches the error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from small_model import SITES, WIRE, Small, lines_of, model_of, record_small

from bisect_tool.worker import operations, serve
from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays.shards import DamagedError, OpenShards
from bisect_tool.worker.probing.reference import Reference


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def damaged(small: Small, folder: Path, key: str) -> OpenShards:
    """Return the shards of a copy of the capture in which one bit of one tensor is another."""
    shutil.copytree(small.folder / "capture", folder, dirs_exist_ok=True)
    shard = folder / small.manifest["tensors"][key]["file"]
    tensors = load_file(shard)
    tensors[key].reshape(-1).view(np.uint8)[0] ^= 1
    save_file(tensors, shard)
    return OpenShards(str(folder), small.manifest["tensors"])


def session_of(small: Small, stored: OpenShards) -> operations.Session:
    """Return a worker's session with the model built, and what was recorded attached."""
    sound = small.reference()
    session = operations.Session(torch_adapter, WIRE, [])
    session._model, session._lines = model_of(small.folder), lines_of(small.folder)
    session._stored = stored
    around = small.manifest["calls"]
    sites = {
        site: {**entry, "around": around[site], "state": {}} if site in around else entry
        for site, entry in sound.sites.items()
    }
    session._reference = Reference(stored, sites, sound.state, sound.batch, sound.gradients)
    return session


def key_of(small: Small, what: str) -> str:
    """Return the key of a tensor that the capture has of one kind."""
    manifest = small.manifest
    outputs = {entry["site"]: entry["output"]["tensor"] for entry in manifest["sites"]}
    ((_, batch),) = manifest["batch"]["dict"]
    variables = {entry["site"]: entry["value"] for entry in manifest["variables"]}
    found = {
        "state": manifest["state"]["net.block.inner.weight"],
        "output": outputs["net.block.inner"],
        "batch": batch["tensor"],
        "gradient": manifest["gradients"]["parameters"]["net.out.weight"],
        "variable": variables["net:square"]["tensor"] if "net:square" in variables else None,
        "output's gradient": manifest["gradients"]["sites"]["net.block"]["output"][""][0],
    }
    return str(found[what])


PATCH = ["net.block.inner.weight", "net.out.weight"]


@pytest.mark.parametrize(
    ("what", "request_"),
    [
        ("state", {"op": "compare_state", "names": ["net.block.inner.weight"]}),
        ("state", {"op": "run", "patch": PATCH}),
        ("output", {"op": "run", "patch": ["net.block.inner"]}),
        ("output", {"op": "run", "patch": [], "watch": ["net.block.inner"]}),
        ("output", {"op": "run", "patch": [*PATCH, *SITES], "dissolved": []}),
        ("batch", {"op": "run", "patch": []}),
        ("output", {"op": "values", "patch": ["net.block.inner"], "hand": ["net.block.act"], "file": "FILE"}),
        ("state", {"op": "survey", "patch": PATCH}),
        ("state", {"op": "remember", "patch": PATCH, "sites": ["net.out"]}),
        ("state", {"op": "identify", "patch": PATCH, "names": [], "candidates": {}}),
        ("output", {"op": "identify", "patch": [], "names": ["net.block:hidden"], "candidates": "OUTPUT"}),
        ("state", {"op": "pull", "patch": PATCH}),
        ("gradient", {"op": "pull", "patch": []}),
        ("output's gradient", {"op": "pull_pieces", "patch": [], "watch": ["net.block"]}),
        ("state", {"op": "pull_statements", "patch": PATCH, "owners": ["net"], "named": [], "given": {}}),
        ("state", {"op": "take_steps", "patch": PATCH, "file": "FILE"}),
        ("gradient", {"op": "take_steps", "patch": [], "file": "FILE"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["op"],
)
def test_every_request_checks_what_it_reads(small: Small, tmp_path: Path, what: str, request_: dict[str, Any]) -> None:
    """One bit of one tensor: the answer is a failure that names it, and there is no other answer."""
    key = key_of(small, what)
    if request_.get("file") == "FILE":
        request_ = {**request_, "file": str(tmp_path / "out.safetensors")}
    if request_.get("candidates") == "OUTPUT":
        request_ = {**request_, "candidates": {"mine": {"tensor": key}}}
    sound = OpenShards(str(small.folder / "capture"), small.manifest["tensors"])
    if request_["op"] != "take_steps":  # this model has no optimizer
        assert "ok" in serve.answer(session_of(small, sound), json.dumps(request_))
    session = session_of(small, damaged(small, tmp_path / "capture", key))
    failure = serve.answer(session, json.dumps(request_))["error"]
    assert failure["type"] == "DamagedError"
    assert f"tensor {key} in {tmp_path / 'capture'}" in failure["message"]


def test_what_a_request_catches_is_told_all_the_same(small: Small, tmp_path: Path) -> None:
    """The model's own code may catch what a layer raises; nothing that rests on it is an answer."""
    key = key_of(small, "output")
    session = session_of(small, damaged(small, tmp_path, key))
    step = session._model.step

    def careless(batch: Any) -> Any:
        try:
            return step(batch)
        except Exception:  # noqa: BLE001
            return {"loss": 0.0}

    session._model.step = careless
    assert serve.answer(session, '{"op": "run", "patch": ["net.block.inner"]}')["error"]["type"] == "DamagedError"


def test_each_tensor_is_hashed_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is first read."""
    hashed: list[int] = []
    stored = OpenShards(str(small.folder / "capture"), small.manifest["tensors"])
    monkeypatch.setattr("bisect_tool.worker.arrays.measure.digest", lambda array: hashed.append(1) or "other")
    key = key_of(small, "state")
    with pytest.raises(DamagedError):
        stored.read(key)
    monkeypatch.undo()
    for _ in range(2):
        stored.read(key)
    monkeypatch.setattr("bisect_tool.worker.arrays.measure.digest", lambda array: hashed.append(1) or "other")
    stored.view(key)
    assert len(hashed) == 1


def test_a_tensor_whose_shard_went_away_is_damaged(small: Small, tmp_path: Path) -> None:
    """As one whose bytes are others."""
    key = key_of(small, "state")
    stored = damaged(small, tmp_path, key)
    (tmp_path / small.manifest["tensors"][key]["file"]).unlink()
    with pytest.raises(DamagedError, match=f"tensor {key} in .* cannot be read: .*No such file"):
        stored.read(key)
