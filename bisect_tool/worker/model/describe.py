"""Say of a built model what it is made of, as plain data."""

from __future__ import annotations

import sys
from typing import Any, Iterator, Sequence

import numpy as np

from ..adapters.adapter import Adapter, Module
from ..arrays import Array, measure, trees
from ..probing import arguments
from . import optimizer
from .build import Model, check_names
from .sources import sources


def describe(model: Model, seconds: float, folders: Sequence[str] = ()) -> dict[str, Any]:
    """Return names, shapes, settings and statistics of a model."""
    batch = list(batch_arrays(model.adapter, model.batch))
    check_names([path for path, _ in batch], "the batch that build returned has")
    return {
        "framework": model.adapter.FRAMEWORK,
        "version": model.adapter.version(),
        "python": sys.version.split()[0],
        "seconds": seconds,
        "modules": _modules(model),
        "state": [_state(model, name) for name in model.state],
        "batch": [{"path": path, "shape": list(array.shape), "dtype": array.dtype.name} for path, array in batch],
        "sources": sources(folders),
        "optimizer": optimizer.describe(model),
    }


def _modules(model: Model) -> list[dict[str, Any]]:
    adapter = model.adapter
    return [
        {
            "name": name,
            "class": adapter.class_name(module),
            "library": adapter.is_library(module),
            "leaf": leaf,
            "training": adapter.training(module),
            "settings": adapter.settings(module),
            "arguments": arguments.parameters(getattr(module, adapter.METHOD)),
            "inherits": _inherits(adapter, module),
            "held": any(name == root or name.startswith(root + ".") for root in model.held),
        }
        for name, module, leaf in model.tree
    ]


def _inherits(adapter: Adapter, module: Module) -> bool:
    """Tell whether a module's code is the framework's own, whoever's class it is."""
    code = getattr(type(module), adapter.METHOD, None)
    return str(getattr(code, "__module__", "")).split(".")[0] == adapter.FRAMEWORK


def _state(model: Model, name: str) -> dict[str, Any]:
    tensor, kind, trainable = model.state[name]
    own = model.own[name]
    return dict(
        name=name,
        kind=kind,
        trainable=trainable,
        shape=list(own.shape),
        dtype=str(tensor.dtype).rpartition(".")[2],  # numpy has no bfloat16
        hash=measure.digest(own),
        alias_of=model.alias_of.get(name),
        **measure.initial(own),
    )


def batch_arrays(adapter: Adapter, batch: Any) -> Iterator[tuple[str, Array]]:
    """Yield (path, array) for every tensor and numpy array of a batch."""
    for path, value in trees.leaves(batch, lambda v: adapter.is_tensor(v) or isinstance(v, np.ndarray)):
        yield path, value if isinstance(value, np.ndarray) else adapter.to_numpy(value)
