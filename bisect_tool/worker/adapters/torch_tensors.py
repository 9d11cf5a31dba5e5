"""PyTorch's tensors and their values."""

from __future__ import annotations

from typing import Any, ContextManager, Iterable

import numpy as np

from ..arrays import Array
from .adapter import Dtype, Tensor


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a dense tensor that can be written down."""
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_complex()


def to_numpy(tensor: Tensor) -> Array:
    """Return the tensor's values as an array of its own; bfloat16 as float32."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(tensor.numpy(), order="C")


def from_numpy(array: Array, like: Tensor = None) -> Tensor:
    """Return a new tensor with an array's values, on the device where ``like`` lies."""
    import torch

    tensor = torch.from_numpy(np.array(array, order="C"))
    return tensor if like is None else tensor.to(like.device)


def dtype(tensor: Tensor) -> Dtype:
    """Return the tensor's dtype, for ``cast``."""
    return tensor.dtype


def cast(tensor: Tensor, dtype: Dtype) -> Tensor:
    """Return the tensor in a dtype."""
    return tensor.to(dtype)


def clone(tensor: Tensor) -> Tensor:
    """Return a copy that stands in for the tensor in every way, gradient path included."""
    return tensor.clone()


def detached(tensor: Tensor) -> Tensor:
    """Return a copy of the values alone."""
    return tensor.detach().clone()


def write(tensor: Tensor, array: Array) -> None:
    """Write values into a parameter or buffer in place. Raises ValueError when the shapes differ."""
    import torch

    if tuple(tensor.shape) != array.shape:
        raise ValueError("shape %s, the value has %s" % (list(tensor.shape), list(array.shape)))
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(array, order="C")))


def sync(tensors: Iterable[Tensor]) -> None:
    """Do nothing: torch is eager."""


def mutation(tensor: Tensor) -> int | None:
    """Return a counter that grows whenever the tensor is overwritten in place, None when it is unknown."""
    try:
        return tensor._version
    except RuntimeError:  # inference tensors do not track versions
        return None


def perturb(tensor: Tensor, size: float, draw: int) -> Tensor:
    """Return the tensor off by relative noise of a size: each element for itself, and each channel as a whole.

    A dtype that is coarser than that is rounded by as much as it rounds.
    """
    import torch

    if not tensor.is_floating_point() or tensor.numel() == 0:
        return tensor
    size = max(size, torch.finfo(tensor.dtype).eps / 2)
    generator = torch.Generator().manual_seed(draw)
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
    if tensor.ndim >= 2:
        shape = [1, tensor.shape[1]] + [1] * (tensor.ndim - 2)
        noise = noise + torch.randn(shape, generator=generator)
    return tensor * (1 + size * noise.to(tensor.device)).to(tensor.dtype)


def seed(number: int) -> None:
    """Set every random state that a step may draw from."""
    import random

    import torch

    torch.manual_seed(number)
    np.random.seed(number)
    random.seed(number)


def doubled(tensor: Tensor) -> Tensor:
    """Return a copy in float64 of a floating tensor, anything else as it is."""
    return tensor.detach().double() if tensor.is_floating_point() else tensor


def casting_no_float64_down() -> ContextManager[Any]:
    """Return a context in which a float64 tensor stays one, whatever the code casts it to: what is exact stays exact."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    lower = (torch.float32, torch.float16, torch.bfloat16)

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            casts = func is torch.ops.aten._to_copy.default and kwargs.get("dtype") in lower
            if casts and args[0].dtype == torch.float64:
                kwargs = dict(kwargs, dtype=torch.float64)
            return func(*args, **kwargs)

    return Mode()
