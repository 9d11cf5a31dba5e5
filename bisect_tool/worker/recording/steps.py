"""What comes of steps along the recorded gradients."""

from __future__ import annotations

from typing import Any, Sequence

from ..arrays.shards import ShardWriter
from ..model import optimizer
from ..model.build import Model
from .whole import Found, pulled

STEP_SIZE = 1e-4  # of the step after which it is looked again who has a gradient


def optimizer_steps(model: Model, store: ShardWriter, whole: Found) -> dict[str, Any] | None:
    """Return the optimizer's groups, and every parameter after each step that it takes with the recorded gradients."""
    if model.optimizer is None:
        return None
    try:
        after = optimizer.steps(model, {name: array for name, array in whole.items() if array is not None})
    except TypeError:  # one that asks for a closure (LBFGS): what it would evaluate is not known here
        return None
    finally:
        model.restore()
    return {
        "groups": optimizer.describe(model),
        "after": {name: [store.add(array) for array in arrays] for name, arrays in after.items()},
    }


def count_later(model: Model, of: Sequence[str], whole: Found) -> int:
    """Return how many parameters have a gradient that is not zero after one small step against the recorded ones."""
    for name, array in whole.items():
        if array is not None:
            stepped = (model.own[name] - STEP_SIZE * array).astype(model.own[name].dtype)
            model.adapter.write(model.state[name][0], stepped)
    arrays = pulled(model, model.run_step(model.fresh_batch()), of, list(whole))
    model.restore()
    return sum(1 for array in arrays if array is not None and bool(array.any()))
