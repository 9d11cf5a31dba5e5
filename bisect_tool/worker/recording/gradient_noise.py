"""How far honest rounding moves the gradients of parameters: whole backward passes in which every layer rounds badly."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from ..adapters.adapter import Adapter, Tensor
from ..arrays import measure, trees
from ..arrays.measure import DRAWS, LOSS_ROUNDING, ROUNDING
from ..model import calls
from ..model.build import Model
from ..wire import Wire
from .noise import seeds
from .whole import Found, norm_of, pulled


def measure_noise(model: Model, of: Sequence[str], whole: Found, wire: Wire) -> dict[str, Any]:
    """Return how far each parameter's gradient (rms), and the norm of all, move when every layer's gradient is rounded badly.

    And when what goes into the loss is off by ``LOSS_ROUNDING``: where a maximum or a clamp lies at its edge, that decides.
    """
    moved = dict.fromkeys(whole, 0.0)
    norm, norms = norm_of(whole.values()), 0.0
    for draw in range(DRAWS):
        with calls.wrapped(model.adapter, model.tree, _roughly(model.adapter, draw, wire)):
            targets = model.run_step(model.fresh_batch())
            arrays = pulled(model, targets, of, list(whole))
        model.restore()
        norms = max(norms, abs(norm_of(arrays) - norm))
        for (name, known), array in zip(whole.items(), arrays):
            if array is not None and known is not None:
                moved[name] = max(moved[name], measure.rms(array.astype(np.result_type(array, np.float64)) - known))
    return {"parameters": moved, "norm": norms}


def _roughly(adapter: Adapter, draw: int, wire: Wire) -> calls.Around:
    """Return what makes calls pass gradients on roughly; see ``calls.wrapped``."""
    numbers = seeds(draw)

    def around(call: calls.Call, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        wire.event("noise", done=draw, of=DRAWS)
        output = compute(*args, **kwargs)
        seed = next(numbers)

        def note(gradient: Tensor) -> Tensor:
            return adapter.perturb(gradient, ROUNDING, seed)

        def rounded(tensor: Tensor) -> Tensor:
            off = adapter.to_numpy(adapter.perturb(tensor, LOSS_ROUNDING, seed))
            return adapter.through(tensor, off) if off.dtype.kind in "fc" else tensor

        if call.leaf:
            output = trees.map_leaves(output, adapter.is_tensor, lambda tensor: adapter.noting(tensor, note))
        return output if call.parent else trees.map_leaves(output, adapter.is_tensor, rounded)

    return around
