"""PyTorch's optimizers: their groups, and the steps that they take."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Mapping, Sequence

from ..arrays import Array
from . import torch_tensors
from .adapter import Optimizer, Tensor


def is_optimizer(value: Any) -> bool:
    """Tell whether a value is an optimizer of this framework."""
    import torch

    return isinstance(value, torch.optim.Optimizer)


def optimizer_groups(optimizer: Optimizer) -> list[tuple[dict[str, Any], Sequence[Tensor]]]:
    """Return (settings, tensors) for each of an optimizer's parameter groups."""
    return [
        ({key: _number(value) for key, value in group.items() if key != "params"}, group["params"])
        for group in optimizer.param_groups
    ]


def optimizer_state(optimizer: Optimizer) -> Any:
    """Return what an optimizer keeps between steps: what it knows of each tensor, and its groups' settings."""
    copied = {tensor: _copied(dict(state)) for tensor, state in optimizer.state.items()}
    return copied, [_copied({k: v for k, v in group.items() if k != "params"}) for group in optimizer.param_groups]


def put_optimizer_back(optimizer: Optimizer, state: Any) -> None:
    """Let an optimizer keep what it kept before."""
    of_tensors, groups = state
    optimizer.state.clear()
    optimizer.state.update({tensor: _copied(known) for tensor, known in of_tensors.items()})
    for group, settings in zip(optimizer.param_groups, groups):
        group.update(_copied(settings))


def _copied(known: dict[str, Any]) -> dict[str, Any]:
    """Return what is known with a copy of each tensor, which code writes into."""
    return {key: v.detach().clone() if torch_tensors.is_tensor(v) else v for key, v in known.items()}


def optimizer_steps(optimizer: Optimizer, gradients: Sequence[Mapping[int, Array]]) -> list[dict[int, Array]]:
    """Return [{id of a tensor: its values}] after each step, from a fresh state; all is afterwards as it was before."""
    settings, state = [dict(group) for group in optimizer.param_groups], optimizer.state
    optimizer.state = defaultdict(dict)
    try:
        return taken_steps([t for group in optimizer.param_groups for t in group["params"]], optimizer.step, gradients)
    finally:
        optimizer.state = state
        for group, was in zip(optimizer.param_groups, settings):
            group.clear()
            group.update(was)


def taken_steps(
    tensors: Sequence[Tensor], step: Callable[[], Any], gradients: Sequence[Mapping[int, Array]]
) -> list[dict[int, Array]]:
    """Return [{id of a tensor: its values}] after each call of ``step``; tensors and their gradients are left as they were.

    ``gradients`` holds those of each step, arrays by the tensors' ids; a tensor without one has no gradient, and no step is
    taken for it.
    """
    known = {id(tensor): tensor for tensor in tensors}
    before = [(tensor, torch_tensors.to_numpy(tensor), tensor.grad) for tensor in known.values()]
    found = []
    try:
        for of_step in gradients:
            for key, tensor in known.items():  # anew at each step, which may write into them
                given = of_step.get(key)
                tensor.grad = None if given is None else torch_tensors.from_numpy(given, like=tensor).to(tensor.dtype)
            step()
            found.append({key: torch_tensors.to_numpy(tensor) for key, tensor in known.items()})
    finally:
        for tensor, values, gradient in before:
            torch_tensors.write(tensor, values)
            tensor.grad = gradient
    return found


def _number(value: Any) -> Any:
    return value.item() if torch_tensors.is_tensor(value) and value.numel() == 1 else value
