"""The targets of a recorded run: compared bit for bit, and which of them gradients are taken of."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from ..failures import RecipeError
from ..model.build import Model

TOTALS = ("loss", "total_loss")  # what a target is called that is the whole of them
Read = Tuple[Dict[str, float], Dict[str, str]]  # {target: number}, {target: why it is no scalar}
Bits = Tuple[Dict[str, str], Dict[str, str]]


def bits(read: Read) -> Bits:
    """Return targets as their exact values."""
    values, problems = read
    return {name: float(value).hex() for name, value in values.items()}, problems


def differentiated(model: Model, given: str | None) -> list[str]:
    """Return the targets whose sum is differentiated: the one given, a total loss, or all tensors that ``step`` returns.

    Raises RecipeError where the given one is not there, or none is a tensor.
    """
    targets: dict[str, Any] = model.run_step(model.fresh_batch())
    model.restore()
    if given is not None and given not in targets:
        raise RecipeError("no target %r to take gradients of: step returned %s" % (given, ", ".join(targets)))
    tensors = [name for name in targets if model.adapter.is_tensor(targets[name]) and given in (None, name)]
    if not tensors:
        raise RecipeError(
            "step returns plain numbers for %s: gradients need the tensors" % (given or ", ".join(targets))
        )
    return next(([name] for name in TOTALS if name in tensors), tensors)
