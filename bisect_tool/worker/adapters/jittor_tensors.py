"""Jittor's Vars and their values."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Iterable, Sequence

import numpy as np

from ..arrays import Array
from .adapter import Dtype, Tensor


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a Var."""
    import jittor

    return isinstance(value, jittor.Var)


def to_numpy(tensor: Tensor) -> Array:
    """Return the Var's values as an array of its own, without executing anything else that is pending."""
    tensor.sync(False, False)
    return np.array(tensor.data, order="C")


def layout(tensor: Tensor) -> str | None:
    """Return None: Jittor has no sparse Vars."""


def holds(array: Array) -> bool:
    """Tell whether numbers are real: Jittor has no complex ones."""
    return array.dtype.kind != "c"


def from_numpy(array: Array, like: Tensor = None) -> Tensor:
    """Return a new Var with an array's values; a scalar gets shape (1,), 64 bit becomes 32 as Jittor has it."""
    if not holds(array):
        raise ValueError("complex numbers, which Jittor does not have")
    import jittor

    tensor = jittor.array(np.array(array, order="C"))
    tensor.sync(False, False)
    return tensor


def precision(tensor: Tensor) -> str:
    """Return the name of a Var's dtype: "float16"."""
    return str(tensor.dtype)


def dtype(tensor: Tensor) -> Dtype:
    """Return None: a Var made from an array has the dtype that Jittor gives it."""


def cast(tensor: Tensor, dtype: Dtype) -> Tensor:
    """Return the Var as it is."""
    return tensor


def clone(tensor: Tensor) -> Tensor:
    """Return a new Var with the same values."""
    return from_numpy(to_numpy(tensor))


def detached(tensor: Tensor) -> Tensor:
    """Return a copy of the values alone."""
    return from_numpy(to_numpy(tensor))


def write(tensor: Tensor, array: Array) -> None:
    """Write values into a Var in place, which costs no kernel. Raises ValueError when it cannot hold them."""
    if not holds(array):
        raise ValueError("complex numbers, which Jittor does not have")
    if tuple(tensor.shape) != array.shape and not tensor.numel() == array.size == 1:
        raise ValueError("shape %s, the value has %s" % (list(tensor.shape), list(array.shape)))
    tensor.sync(False, False)
    tensor.data[...] = array.reshape(tuple(tensor.shape))


def memory(tensor: Tensor) -> tuple[Any, Any]:
    """Return (None, None): a Var gets other memory whenever it is computed, and what it holds is to be looked at."""
    return None, None


def kept(tensor: Tensor) -> Any:
    """Return where a Var lies, its shape, and whether it is stopped."""
    tensor.sync(False, False)
    return _place(tensor), bool(tensor.is_stop_grad())


def write_apart(tensor: Tensor, kept: Any, array: Array) -> None:
    """Write values into a Var; one that was assigned another, which both names stand for then, becomes one of its own."""
    place, stopped = kept
    tensor.sync(False, False)
    if _place(tensor) == place:
        write(tensor, array)
        return
    fresh = from_numpy(array.reshape(place[1]) if array.size == 1 else array)
    tensor.assign(fresh.stop_grad() if stopped else fresh)


put_back = write_apart  # a Var keeps no gradient


def _place(tensor: Tensor) -> Any:
    return tensor.data.__array_interface__["data"][0], tuple(tensor.shape)


def sample(tensor: Tensor, most: int) -> Array:
    """Return at most so many of a Var's numbers, from all over it, without executing anything else that is pending."""
    tensor.sync(False, False)
    flat = tensor.data.reshape(-1)
    return np.array(flat[:: flat.size // most + 1])


def sync(tensors: Iterable[Tensor]) -> None:
    """Execute what is pending for these Vars, and nothing else."""
    for tensor in tensors:
        tensor.sync(False, False)


def mutation(tensor: Tensor) -> int | None:
    """Return None: a Var does not tell when it is overwritten in place."""
    return None


def looking_at(tensors: Sequence[Tensor]) -> Callable[[Tensor], bool | None]:
    """Return who tells nothing: a module's own tensors are what its code finds under their names."""
    return lambda _tensor: None


def perturb(tensor: Tensor, size: float, draw: int) -> Tensor:
    """Return the Var off by relative noise of a size: each element for itself, and each channel as a whole."""
    values = to_numpy(tensor)
    if values.dtype.kind != "f" or not values.size:
        return tensor
    generator = np.random.default_rng(draw)
    noise = generator.standard_normal(values.shape)
    if values.ndim >= 2:
        noise += generator.standard_normal((1, values.shape[1]) + (1,) * (values.ndim - 2))
    return from_numpy((values * (1 + size * noise)).astype(values.dtype))


def seed(number: int) -> None:
    """Set every random state that a step may draw from; this seeds numpy and random too."""
    import jittor

    jittor.set_global_seed(number)


def doubled(tensor: Tensor) -> Tensor:
    """Return a copy in float64 of a floating Var, anything else as it is."""
    if not str(tensor.dtype).startswith("float"):
        return tensor
    tensor = tensor.detach().float64()
    tensor.sync(False, False)
    return tensor


def casting_no_float64_down() -> ContextManager[Any]:
    """Return a context that changes nothing: Jittor cannot be told what to make of a cast."""
    return contextlib.nullcontext()
