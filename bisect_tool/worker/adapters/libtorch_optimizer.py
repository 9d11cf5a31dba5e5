"""libtorch's optimizers: their groups, and the steps that they take."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ..arrays import Array
from . import torch_optimizer
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
    state = optimizer.handle.keep()
    optimizer.handle.forget()
    try:
        tensors = [tensor for _, group in optimizer.handle.groups for tensor in group]
        return torch_optimizer.taken_steps(tensors, optimizer.handle.step, gradients)
    finally:
        optimizer.handle.put(state)
