"""PyTorch's tensors and their values."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, Iterable, Sequence

import numpy as np

from ..arrays import Array
from . import torch_nested  # noqa: F401  it says how nested tensors are opened
from .adapter import Dtype, Tensor

MOST_DENSE = 1 << 28  # numbers: a sparse tensor that stands for more cannot be written down


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor that can be written down: with values, and not too large where it is made dense.

    A nested tensor is none, but a value that holds some.
    """
    import torch

    if not isinstance(value, torch.Tensor) or value.is_quantized or value.device.type == "meta":
        return False
    return not getattr(value, "is_nested", False) and (layout(value) is None or value.numel() <= MOST_DENSE)


def to_numpy(tensor: Tensor) -> Array:
    """Return the tensor's values as a dense array of its own; what numpy does not know in 32 bits a number."""
    import torch

    tensor = _dense(tensor.detach()).cpu()
    for settle in ("resolve_conj", "resolve_neg"):  # what numpy would have to compute first
        tensor = getattr(tensor, settle, lambda plain=tensor: plain)()
    if tensor.is_complex() and tensor.dtype not in (torch.complex64, torch.complex128):
        tensor = tensor.to(torch.complex64)
    elif tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()
    return np.array(tensor.numpy(), order="C")


def _dense(tensor: Tensor) -> Tensor:
    return tensor if layout(tensor) is None else tensor.to_dense()


def layout(tensor: Tensor) -> str | None:
    """Return how a sparse tensor's values lie, None where they lie densely."""
    import torch

    return None if tensor.layout == torch.strided else str(tensor.layout).rpartition(".")[2]


def holds(array: Array) -> bool:
    """Return True: torch has all kinds of numbers."""
    return True


def from_numpy(array: Array, like: Tensor = None) -> Tensor:
    """Return a new tensor with an array's values, on the device where ``like`` lies."""
    import torch

    tensor = torch.from_numpy(np.array(array, order="C"))
    return tensor if like is None else tensor.to(like.device)


def precision(tensor: Tensor) -> str:
    """Return the name of a tensor's dtype: "float16"."""
    return str(tensor.dtype).rpartition(".")[2]


def dtype(tensor: Tensor) -> Dtype:
    """Return the tensor's dtype and what makes its layout, for ``cast``."""
    import torch

    if tensor.layout == torch.strided:
        return tensor.dtype, {}
    if tensor.layout == torch.sparse_coo:
        return tensor.dtype, {"sparse_dim": tensor.sparse_dim()}
    how = {"layout": tensor.layout, "dense_dim": tensor.dense_dim()}
    if layout(tensor) in ("sparse_bsr", "sparse_bsc"):
        values = tensor.values()
        first = values.ndim - tensor.dense_dim() - 2
        how["blocksize"] = tuple(values.shape[first : first + 2])
    return tensor.dtype, how


def cast(tensor: Tensor, dtype: Dtype) -> Tensor:
    """Return the tensor in a dtype and layout; complex numbers stay complex, since real ones would be others."""
    kind, how = dtype
    tensor = _dense(tensor)
    tensor = tensor if tensor.is_complex() and not kind.is_complex else tensor.to(kind)
    if "sparse_dim" in how:
        return tensor.to_sparse(how["sparse_dim"])
    return tensor.to_sparse(**how) if how else tensor


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
    new = torch.from_numpy(np.array(array, order="C"))
    if new.is_complex() and not tensor.is_complex():
        raise ValueError("complex numbers, where the model has real ones")
    with torch.no_grad():
        if tensor.layout == torch.strided:
            tensor.copy_(new)
        elif not np.array_equal(to_numpy(tensor), array):  # else its pattern would lose the zeros that it names
            new = cast(new.to(tensor.device), dtype(tensor))
            tensor.resize_as_sparse_(new)
            tensor.copy_(new)


def memory(tensor: Tensor) -> tuple[Any, Any]:
    """Return (where its values lie, and in which form; an alias, which keeps that memory)."""
    if layout(tensor) is not None:
        return None, None
    alias = tensor.detach()
    return (alias.data_ptr(), tuple(alias.shape), alias.stride(), alias.dtype), alias


def kept(tensor: Tensor) -> Any:
    """Return where a tensor lies, and its gradient: code may give it other memory (``p.data = ...``)."""
    place, alias = memory(tensor)
    return place, alias, _gradient(tensor)


def write_apart(tensor: Tensor, kept: Any, array: Array) -> None:
    """Write values into a tensor: in place where it lay when it was ``kept``, else in memory that no other one shares."""
    if memory(tensor)[0] != kept[0] and tuple(tensor.shape) == array.shape:
        tensor.data = tensor.detach().clone()
    write(tensor, array)


def put_back(tensor: Tensor, kept: Any, array: Array) -> None:
    """Let a tensor hold an array where it lay when it was ``kept``, with no gradient but that which it had."""
    place, alias, gradient = kept
    if place is not None and memory(tensor)[0] != place:
        tensor.data = alias
    write(tensor, array)
    if tensor.is_leaf and (gradient is not None or tensor.grad is not None):
        tensor.grad = None if gradient is None else gradient.clone()


def _gradient(tensor: Tensor) -> Tensor:
    return tensor.grad.detach().clone() if tensor.is_leaf and tensor.grad is not None else None


def sample(tensor: Tensor, most: int) -> Array:
    """Return at most so many of a tensor's numbers, from all over it."""
    if layout(tensor) is not None or tensor.numel() <= most:
        return to_numpy(tensor)
    flat = tensor.detach()
    flat = flat.view(-1) if flat.is_contiguous() else flat.as_strided((_span(flat),), (1,))
    return to_numpy(flat[:: flat.numel() // most + 1])


def _span(tensor: Tensor) -> int:
    """Return how far a tensor's numbers lie apart in memory, the first from the last."""
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))


def sync(tensors: Iterable[Tensor]) -> None:
    """Do nothing: torch is eager."""


def mutation(tensor: Tensor) -> int | None:
    """Return a counter that grows whenever the tensor is overwritten in place, None when it is unknown."""
    if layout(tensor) is not None:
        return None  # its values can be overwritten by themselves
    try:
        return tensor._version
    except RuntimeError:  # inference tensors do not track versions
        return None


def looking_at(tensors: Sequence[Tensor]) -> Callable[[Tensor], bool | None]:
    """Return who tells nothing: a module's own tensors are what its code finds under their names."""
    return lambda _tensor: None


def perturb(tensor: Tensor, size: float, draw: int) -> Tensor:
    """Return the tensor off by relative noise of a size: each element for itself, and each channel as a whole.

    A dtype that is coarser than that is rounded by as much as it rounds.
    """
    import torch

    if not _rounds(tensor) or tensor.numel() == 0:
        return tensor
    if layout(tensor) is not None:
        return cast(perturb(_dense(tensor), size, draw), dtype(tensor))
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
    """Return a copy in float64 (complex128) of a tensor that rounds, anything else as it is."""
    import torch

    if not _rounds(tensor):
        return tensor
    return tensor.detach().to(torch.complex128 if tensor.is_complex() else torch.float64)


def _rounds(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def casting_no_float64_down() -> ContextManager[Any]:
    """Return a context in which a float64 tensor stays one, whatever the code casts it to: what is exact stays exact."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    lower = (torch.float32, torch.float16, torch.bfloat16, torch.complex64)
    highest = (torch.float64, torch.complex128)

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            casts = func is torch.ops.aten._to_copy.default and kwargs.get("dtype") in lower
            if casts and args[0].dtype in highest:
                higher = torch.complex128 if kwargs["dtype"].is_complex else torch.float64
                kwargs = dict(kwargs, dtype=higher)
            return func(*args, **kwargs)

    return Mode()
