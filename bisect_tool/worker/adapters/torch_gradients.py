"""PyTorch's gradients: where a graph begins, what is pulled back, and what comes by."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Callable, ContextManager, Iterator, Sequence

from ..arrays import Array
from ..failures import GivenPullError
from .adapter import Tensor
from .torch_tensors import cast, detached, doubled, dtype, from_numpy, to_numpy

GIVEN = "a gradient is pulled through a value that was given, of which none is known"


def gradients_on() -> bool:
    """Tell whether what is computed now keeps a path for gradients."""
    import torch

    return torch.is_grad_enabled()


def in_backward() -> bool:
    """Tell whether a backward pass runs; torch's own count of them also knows of those in the code of ``step``."""
    import torch

    return torch._C._current_graph_task_id() != -1


def in_transform() -> bool:
    """Tell whether code runs inside ``torch.vmap`` or a transform of ``torch.func``."""
    import torch

    transforms = getattr(torch._C, "_functorch", None)
    return transforms is not None and transforms.peek_interpreter_stack() is not None


def with_gradients() -> ContextManager[Any]:
    """Return a context in which what is computed keeps a path for gradients."""
    import torch

    return torch.enable_grad()


@contextlib.contextmanager
def numpy_reads_all() -> Iterator[None]:
    """Let numpy read tensors that take gradients: where a graph begins here, the model's own run has no gradient."""
    import torch

    kind: Any = torch.Tensor
    plain = kind.numpy
    kind.numpy = lambda tensor, **how: plain(tensor.detach(), **how)
    try:
        yield
    finally:
        kind.numpy = plain


@contextlib.contextmanager
def unfrozen(tensor: Tensor) -> Iterator[None]:
    """Let a parameter take gradients while the block runs."""
    before = tensor.requires_grad
    tensor.requires_grad_()
    try:
        yield
    finally:
        tensor.requires_grad_(before)


def has_path(tensor: Tensor) -> bool:
    """Tell whether the tensor was computed from something that takes gradients."""
    return tensor.requires_grad


def leaf(tensor: Tensor, values: Array | None = None, exact: bool = False) -> tuple[Tensor, Tensor]:
    """Return (a tensor that a graph begins at, the same for the code to use); the first is None where none can begin.

    ``values`` is an array to take in place of the tensor's own; ``exact`` holds it in float64.
    """
    import torch

    new = detached(tensor) if values is None else cast(from_numpy(values, like=tensor), dtype(tensor))
    if not new.is_floating_point() and not new.is_complex():
        return None, new
    new = (doubled(new) if exact else new).requires_grad_()
    with torch.enable_grad():
        return new, new.clone()  # the code may write into what it uses


def starting(tensor: Tensor) -> Tensor:
    """Make a tensor one that a graph begins at."""
    tensor.requires_grad_()
    return tensor


def pull(roots: Sequence[tuple[Tensor, Array]], leaves: Sequence[Tensor]) -> list[Array | None]:
    """Return the gradients that gradients at ``roots``, (tensor, array) pairs, make at ``leaves``: arrays, None without a path."""
    import torch

    known = [(tensor, array) for tensor, array in roots if tensor.requires_grad]
    wanted = [number for number, tensor in enumerate(leaves) if tensor.requires_grad]
    found: list[Array | None] = [None] * len(leaves)
    if known and wanted:
        gradients = torch.autograd.grad(
            [tensor for tensor, _ in known],
            [leaves[number] for number in wanted],
            [_as(tensor, array) for tensor, array in known],
            retain_graph=True,
            allow_unused=True,
        )
        for number, gradient in zip(wanted, gradients):
            found[number] = None if gradient is None else to_numpy(gradient.to_dense())
    return found


def _as(own: Tensor, values: Array) -> Tensor:
    """Return values in the dtype and shape of a tensor, on its device."""
    return cast(from_numpy(values.reshape(tuple(own.shape)), like=own), dtype(own))


def noting(tensor: Tensor, note: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the tensor with ``note`` called with its gradient, once that is there; what it returns takes its place."""
    if tensor.requires_grad:
        tensor.register_hook(note)
    return tensor


def distinct(tensor: Tensor) -> Tensor:
    """Return another tensor of the same values, with the gradient path through it."""
    return tensor.clone()


@contextlib.contextmanager
def given_pass_none() -> Iterator[None]:
    """Let it be an error to pull a gradient through a value that was given (``taking_gradients``), whatever it is asked for.

    Code may ask for gradients of what lies behind it, and take none for zeros.
    """
    import torch

    module: Any = torch.autograd
    plain = getattr(module, "_engine_run_backward", None)
    if plain is None:  # another torch
        yield
        return

    def run(ends: Any, seeds: Any, retain: Any, create: Any, wanted: Any, *args: Any, **how: Any) -> Any:
        if not in_backward() and _leads_to_given(ends, wanted or ()):
            raise GivenPullError(GIVEN)
        return plain(ends, seeds, retain, create, wanted, *args, **how)

    module._engine_run_backward = run
    try:
        yield
    finally:
        module._engine_run_backward = plain


def _leads_to_given(ends: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Tell whether the graph behind some tensors, or edges of it, has a value that was given, and is not wanted itself."""
    left, seen = [_node(end) for end in ends], {_node(one) for one in wanted}
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if getattr(getattr(node, "_forward_cls", None), "was_given", False):
            return True
        left += [before for before, _ in node.next_functions]
    return False


def _node(end: Any) -> Any:
    return getattr(end, "grad_fn", getattr(end, "node", None))


def taking_gradients(tensor: Tensor) -> Tensor:
    """Return a tensor of the same values that takes gradients as one that was computed does; to pull one through it is an error.

    Where code runs in inference mode no tensor of its own takes any.
    """
    import torch

    with torch.enable_grad():
        # In a list it is no input of the function, which would have to be copied.
        return _given().apply(torch.empty(0, requires_grad=True), [tensor])


def through(own: Tensor, values: Array) -> Tensor:
    """Return a tensor with an array's values whose gradient goes to ``own`` as it is."""
    return _through().apply(own, _as(own, values))


@functools.lru_cache(maxsize=None)  # torch is not imported before a model needs it
def _given() -> Any:
    import torch

    class Given(torch.autograd.Function):
        was_given = True

        @staticmethod
        def forward(_context: Any, _start: Tensor, new: list[Tensor]) -> Tensor:
            return new[0]

        @staticmethod
        def backward(_context: Any, _gradient: Tensor) -> Any:
            raise GivenPullError(GIVEN)

    return Given


@functools.lru_cache(maxsize=None)
def _through() -> Any:
    import torch

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(_context: Any, _own: Tensor, new: Tensor) -> Tensor:
            return new.clone()  # the code may write into it

        @staticmethod
        def backward(_context: Any, gradient: Tensor) -> tuple[Tensor, None]:
            return gradient, None

    return Through
