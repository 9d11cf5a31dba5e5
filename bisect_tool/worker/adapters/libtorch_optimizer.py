"""libtorch's optimizers: their groups, and the steps that they take."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ..arrays import Array
from . import torch_tensors
from .adapter import Tensor


class CppOptimizer:
    """An optimizer of a port in C++."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle
        self.__class__ = type(handle.type.rpartition("::")[2], (CppOptimizer,), {})  # it is known by its class's name


def is_optimizer(value: Any) -> bool:
    """Tell whether a value is an optimizer of this framework."""
    return isinstance(value, CppOptimizer)


def optimizer_groups(optimizer: CppOptimizer) -> List[Tuple[Dict[str, Any], Sequence[Tensor]]]:
    """Return (settings, tensors) for each of an optimizer's parameter groups."""
    return list(optimizer.handle.groups)


def optimizer_state(optimizer: CppOptimizer) -> Any:
    """Return what an optimizer keeps between steps, for ``put_optimizer_back``."""
    return optimizer.handle.keep()


def put_optimizer_back(optimizer: CppOptimizer, state: Any) -> None:
    """Let an optimizer keep what it kept before."""
    optimizer.handle.put(state)


def optimizer_steps(optimizer: CppOptimizer, gradients: Sequence[Mapping[int, Array]]) -> List[Dict[int, Array]]:
    """Return [{id of a tensor: its values}] after each step, from a fresh state; all is afterwards as it was before."""
    tensors = {id(tensor): tensor for _, group in optimizer.handle.groups for tensor in group}
    before = [(tensor, torch_tensors.to_numpy(tensor), tensor.grad) for tensor in tensors.values()]
    state, found = optimizer.handle.keep(), []
    optimizer.handle.forget()
    try:
        for of_step in gradients:
            for key, tensor in tensors.items():
                given = of_step.get(key)
                tensor.grad = None if given is None else torch_tensors.from_numpy(given, like=tensor).to(tensor.dtype)
            optimizer.handle.step()
            found.append({key: torch_tensors.to_numpy(tensor) for key, tensor in tensors.items()})
    finally:
        optimizer.handle.put(state)
        for tensor, values, gradient in before:
            torch_tensors.write(tensor, values)
            tensor.grad = gradient
    return found
