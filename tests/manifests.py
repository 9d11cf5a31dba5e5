"""Small manifests, as a worker writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import FORMAT, Manifest
from bisect_tool.pairing.names import match_described
from bisect_tool.pairing.pair import Pair
from bisect_tool.sealed import FIELD, seal
from bisect_tool.worker.arrays import measure
from bisect_tool.worker.arrays.shards import ShardWriter

SHARD = "shard-0000.safetensors"
TENSORS = {
    "t000000": np.arange(6, dtype=np.float32).reshape(2, 3),
    "t000001": np.ones((3, 3), np.float32),
    "t000002": np.zeros(2, np.int64),
    "t000003": np.full((3, 3), 1.2, np.float32),
}


def module(name: str, class_: str = "Conv2d", *, training: bool = True, library: bool = True, **settings: Any) -> dict:
    """Return a module's entry."""
    return {
        "name": name, "class": class_, "library": library, "leaf": True, "training": training, "settings": settings,
    }  # fmt: skip


def tensor(
    name: str,
    shape: Sequence[int] = (3, 3),
    *,
    kind: str = "parameter",
    dtype: str = "float32",
    trainable: bool = True,
    **statistics: float | str,
) -> dict:
    """Return a parameter's or buffer's entry."""
    return {
        "name": name, "kind": kind, "trainable": trainable, "shape": list(shape), "dtype": dtype, **statistics,
    }  # fmt: skip


def described(
    modules: Sequence[dict] = (),
    state: Sequence[dict] = (),
    batch: Mapping[str, Sequence[int]] | None = None,
    framework: str = "torch",
) -> dict:
    """Return a built model as a worker describes it."""
    return {
        "framework": framework,
        "version": "2.0",
        "python": "3.11",
        "seconds": 0.1,
        "modules": list(modules),
        "state": list(state),
        "batch": [{"path": path, "shape": list(shape), "dtype": "float32"} for path, shape in (batch or {}).items()],
        "sources": "00",
    }


def manifest(model: dict, **fields: Any) -> dict:
    """Return a manifest without sites; ``fields`` take the place of its own."""
    data = {
        "format": FORMAT,
        "recipe": "tiny",
        "model": "ref",
        "model_options": {},
        "recipe_folder": "/nowhere",
        "spec": {},
        "sources": {},
        "described": model,
        "targets": {"loss": 1.0},
        "not_scalar": {},
        "sites": [],
        "calls": {},
        "left": {},
        "variables": [],
        "excerpts": {},
        "caught": [],
        "skipped": {},
        "state": {},
        "batch": {"dict": []},
        "draws": [],
        "tensors": {},
        "noise": {
            "rounding": 2e-5,
            "draws": 4,
            "targets": {"loss": 1e-4},
            "sites": {},
            "loss": {"loss": 1e-7},
            "exact": {},
        },
        "spread": {"seeds": [], "targets": [], "state": {}},
        "gradients": None,
        "stirred": None,
        "not_stirred": "nothing to stir",
        "seconds": {"plain": 0.1},
        "bytes": {"written": 0},
        **fields,
    }
    return {**data, "checksum": checksum(data)}


def of_outputs(outputs: Mapping[str, str], writer: ShardWriter) -> dict:
    """Return the manifest of a capture in which each tensor that was written is the output of a module of its own."""
    return manifest(
        described([module(name) for name in outputs]),
        sites=[site(name, {"tensor": key}) for name, key in outputs.items()],
        calls=dict.fromkeys(outputs),
        tensors=writer.table,
    )


def checksum(data: Mapping[str, Any]) -> str:
    """Return the checksum of data that ``json.dumps`` writes with it as the last field."""
    sealed: str = json.loads(seal(json.dumps({key: value for key, value in data.items() if key != FIELD})))[FIELD]
    return sealed


def site(name: str, output: dict, inputs: dict | None = None) -> dict:
    """Return the entry of a module's call."""
    module_name = name.partition("#")[0]
    return {
        "site": name, "module": module_name, "leaf": True, "inputs": inputs or {"list": []}, "output": output, "state": {},
    }  # fmt: skip


def pair_of(
    reference: dict,
    port: dict,
    rules: Sequence[tuple[str, str]] = (),
    made: Mapping[str, Sequence[tuple[str, tuple[int, ...]]]] | None = None,
    **fields: Any,
) -> Pair:
    """Return a pair of built models with their names matched."""
    ours, theirs = Manifest.model_validate(manifest(reference, **fields)), Described.model_validate(port)
    return Pair(ours, theirs, match_described(ours, theirs, rules), dict(made or {}))


def small_capture(folder: Path) -> dict:
    """Write the tensors of a capture of one module into a folder, and return the manifest that fits them."""
    save_file(TENSORS, folder / SHARD)
    return manifest(
        described([module("m")], [tensor("m.weight")], {"img": (2, 3)}),
        sites=[site("m", {"tuple": [{"tensor": "t000000"}, {"scalar": 3}]}, {"list": [{"tensor": "t000000"}]})],
        calls={"m": None},
        state={"m.weight": "t000001"},
        batch={"dict": [["img", {"tensor": "t000000"}], ["index", {"tensor": "t000002"}]]},
        tensors={
            key: {"file": SHARD, "shape": list(array.shape), "dtype": array.dtype.name, "hash": measure.digest(array)}
            for key, array in TENSORS.items()
        },
    )


def small_point() -> dict:
    """Return a run at stirred weights that fits the small capture."""
    return {
        "state": {"m.weight": "t000003"},
        "stirred": ["m.weight"],
        "strength": 1.0,
        "sites": [site("m", {"tensor": "t000000"}, {"list": [{"tensor": "t000000"}]})],
        "calls": {"m": None},
        "left": {},
        "targets": {"loss": 2.0},
        "noise": {"targets": {"loss": 1e-4}, "loss": {"loss": 1e-7}, "exact": {"m": 1e-7}},
    }
