"""Jittor's gradients: where a graph begins, what is pulled back, and what comes by."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Any, Callable, ContextManager, Iterator, Sequence

import numpy as np

from ..arrays import Array
from .adapter import Tensor
from .jittor_tensors import from_numpy, to_numpy

NUMBERS = itertools.count()  # of Vars that gradients were asked of
_asking: list[None] = []  # one for each call of jittor.grad that runs


def gradients_on() -> bool:
    """Tell whether what is computed now keeps a path for gradients."""
    import jittor

    return not jittor.flags.no_grad


def in_backward() -> bool:
    """Tell whether gradients are asked for: Jittor calls a Function's ``grad`` meanwhile."""
    return bool(_asking)


def in_transform() -> bool:
    """Jittor has no functional transforms."""
    return False


def with_gradients() -> ContextManager[Any]:
    """Return a context in which what is computed keeps a path for gradients."""
    import jittor

    return jittor.enable_grad()


def numpy_reads_all() -> ContextManager[None]:
    """Return a context that does nothing: numpy reads every Var."""
    return contextlib.nullcontext()


@contextlib.contextmanager
def unfrozen(tensor: Tensor) -> Iterator[None]:
    """Let a parameter take gradients while the block runs."""
    before = tensor.is_stop_grad()
    tensor.start_grad()
    try:
        yield
    finally:
        if before:
            tensor.stop_grad()


def has_path(tensor: Tensor) -> bool:
    """Tell whether the Var may have been computed from something that takes gradients."""
    return not tensor.is_stop_grad()


def leaf(tensor: Tensor, values: Array | None = None, exact: bool = False) -> tuple[Tensor, Tensor]:
    """Return (a Var that a graph begins at, the same for the code to use); the first is None where none can begin.

    ``values`` is an array to take in place of the Var's own; ``exact`` holds it in float64.
    """
    import jittor

    array = to_numpy(tensor) if values is None else _as(tensor, values)
    if array.dtype.kind != "f":
        return None, from_numpy(array)
    new = jittor.array(array.astype(np.float64), dtype="float64") if exact else from_numpy(array)
    new.sync(False, False)
    if new.is_stop_grad():  # made where the code switched gradients off
        new.start_grad()
    return new, new


def starting(tensor: Tensor) -> Tensor:
    """Make a Var one that a graph begins at."""
    tensor.start_grad()
    return tensor


def pull(roots: Sequence[tuple[Tensor, Array]], leaves: Sequence[Tensor]) -> list[Array | None]:
    """Return the gradients that gradients at ``roots``, (Var, array) pairs, make at ``leaves``: arrays, None without a path.

    Each gradient is computed by itself, so that what is fused does not depend on what else is asked for.
    """
    known = [(tensor, array) for tensor, array in roots if has_path(tensor)]
    wanted = [number for number, tensor in enumerate(leaves) if has_path(tensor)]
    found: list[Array | None] = [None] * len(leaves)
    if known and wanted:
        gradients, without = _gradients(_seeded(known), [leaves[number] for number in wanted])
        for number, gradient, none in zip(wanted, gradients, without):
            found[number] = None if none else to_numpy(gradient)
    return found


def _seeded(roots: Sequence[tuple[Tensor, Array]]) -> Tensor:
    """Return a Var, of no value, whose gradient makes the given ones at the roots."""
    import jittor

    class Seed(jittor.Function):
        def execute(self, _root: Tensor) -> Tensor:
            return jittor.zeros((1,))

        def grad(self, _one: Tensor) -> Tensor:
            return self.gradient

    total = jittor.zeros((1,))
    for root, array in roots:
        seed = Seed()
        seed.gradient = jittor.array(_as(root, array), dtype=str(root.dtype))
        seed.gradient.sync(False, False)
        total = total + seed(root)
    return total


def _gradients(total: Tensor, leaves: list[Tensor]) -> tuple[list[Tensor], list[bool]]:
    """Return (the gradients, whether each is none at all): Jittor gives zeros, and warns, once for each name of a Var."""
    import jittor

    before = [tensor.name() for tensor in leaves]
    for tensor in leaves:
        tensor.name("leaf_%d" % next(NUMBERS))
    _asking.append(None)
    try:
        with _warnings() as said:
            gradients = jittor.grad(total, leaves)
    finally:
        _asking.pop()
        for tensor, name in zip(leaves, before):
            tensor.name(name)
    missing = " ".join(message for message in said if "doesn't have gradient" in message)
    return gradients, ["grads[%d] " % number in missing for number in range(len(leaves))]


@contextlib.contextmanager
def _warnings() -> Iterator[list[str]]:
    """Catch what Jittor logs while the block runs, which nobody else shall see; the list is filled when it has ended."""
    import jittor

    said: list[str] = []
    silent = jittor.flags.log_silent
    errors = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        jittor.flags.log_silent = 0
        jittor.LOG.log_capture_start()
        yield said
    finally:
        jittor.LOG.log_capture_stop()
        jittor.flags.log_silent = silent
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nowhere)
    said += [row["msg"] for row in jittor.LOG.log_capture_read()]


def _as(own: Tensor, values: Array) -> Array:
    """Return values in the dtype and shape of a Var."""
    return np.asarray(values).astype(str(own.dtype)).reshape(tuple(own.shape))


def noting(tensor: Tensor, note: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the Var with ``note`` called with its gradient, once that is there; what it returns takes its place."""
    return _through(tensor, tensor, note) if str(tensor.dtype).startswith("float") else tensor


def distinct(tensor: Tensor) -> Tensor:
    """Return the Var itself: ``noting`` makes another one of it."""
    return tensor


def taking_gradients(tensor: Tensor) -> Tensor:
    """Return the Var itself: one that is made of numbers takes gradients."""
    return tensor


def given_pass_none() -> ContextManager[Any]:
    """Return a context that does nothing."""
    return contextlib.nullcontext()


def through(own: Tensor, values: Array) -> Tensor:
    """Return a Var with an array's values whose gradient goes to ``own`` as it is."""
    return _through(own, from_numpy(_as(own, values)), lambda _gradient: None)


def _through(own: Tensor, value: Tensor, note: Callable[[Tensor], Tensor]) -> Tensor:
    import jittor

    class Through(jittor.Function):
        def execute(self, _own: Tensor, value: Tensor) -> Tensor:
            return value

        def grad(self, gradient: Tensor) -> tuple[Tensor, None]:
            if gradient is None:
                return None, None
            gradient.sync(False, False)
            changed = note(gradient)
            return gradient if changed is None else changed, None

    new = Through()(own, value.detach() if value is own else value)
    new.sync(False, False)
    return new
