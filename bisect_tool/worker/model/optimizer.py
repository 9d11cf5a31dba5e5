"""Take an optimizer's steps from given gradients, so that what they make of the parameters can be compared."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ..arrays import Array, slopes, trees
from .build import Model


def describe(model: Model) -> list[dict[str, Any]]:
    """Return [{class, settings, parameters}] for each of the optimizer's groups, nothing where there is no optimizer.

    Settings are numbers and booleans, a pair of betas one by one; parameters are the names that they have in the
    model's state, and a tensor of the group that has none there is left out.
    """
    if model.optimizer is None:
        return []
    names = _names(model)
    return [
        {
            "class": type(model.optimizer).__name__,
            "settings": dict(trees.numbers(settings)),
            "parameters": [names[id(tensor)] for tensor in tensors if id(tensor) in names],
        }
        for settings, tensors in model.adapter.optimizer_groups(model.optimizer)
    ]


def steps(model: Model, gradients: Mapping[str, Array]) -> dict[str, list[Array]]:
    """Return {name: [array after step 1, after step 2, ...]} for every parameter that is in a group.

    Each step gets what ``slopes`` makes of the ``gradients``, {name: array}. A parameter without one has none
    in torch; in Jittor it has zeros, as in Jittor's own training. The steps begin at the values that the tensors hold
    now and at a fresh state; afterwards the tensors and the optimizer are as they were before.
    """
    if model.optimizer is None:
        return {}
    names = _names(model)
    of_steps = {
        id(model.state[name][0]): slopes.of_steps(np.asarray(array))
        for name, array in gradients.items()
        if name in model.state
    }
    given = [{key: arrays[step] for key, arrays in of_steps.items()} for step in range(slopes.STEPS)]
    found = model.adapter.optimizer_steps(model.optimizer, given)
    return {names[key]: [after[key] for after in found] for key in (found[0] if found else ()) if key in names}


def _names(model: Model) -> dict[int, str]:
    names: dict[int, str] = {}
    for name, (tensor, _, _) in model.state.items():
        names.setdefault(id(tensor), name)
    return names
