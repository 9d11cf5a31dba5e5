"""PyTorch's modules: the tree of them, their settings and state."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Collection, Iterator, Mapping

from . import attributes
from .adapter import Module, Tensor, Tree
from .torch_gradients import taking_gradients
from .torch_tensors import doubled, is_tensor
from .walk import walked

_NO_SETTINGS = frozenset(["training", "inplace"])


def is_module(value: Any) -> bool:
    """Tell whether a value is a module of this framework."""
    import torch

    return isinstance(value, torch.nn.Module)


def module_tree(roots: Mapping[str, Module]) -> Tree:
    """Return (name, module, leaf) for every module, a shared one under each of its names, in definition order."""
    return walked(roots, lambda module: [pair for pair in module._modules.items() if pair[1] is not None])


def is_library(module: Module) -> bool:
    """Tell whether the class comes with the framework."""
    return type(module).__module__.split(".")[0] == "torch"


def class_name(module: Module) -> str:
    """Return the class name as the other framework would spell it."""
    return type(module).__name__


def settings(module: Module) -> dict[str, Any]:
    """Return a module's own settings (eps, stride, heads ...): numbers, words, lists of numbers, None."""
    import torch

    return attributes.settings(module, torch.nn.Module, _NO_SETTINGS)


def training(module: Module) -> bool:
    """Tell whether the module is in train mode."""
    return module.training


def own_state(module: Module) -> Iterator[tuple[str, Tensor, str, bool]]:
    """Yield (key, tensor, kind, trainable) for the tensors that belong to this module itself."""
    for source, kind in ((module._parameters, "parameter"), (module._buffers, "buffer")):
        for key, value in source.items():
            # What counts the batches is read where the momentum is None: an average over all.
            if is_tensor(value) and (key != "num_batches_tracked" or getattr(module, "momentum", 0.1) is None):
                yield key, value, kind, value.requires_grad


def hidden(tree: Tree) -> Callable[[Collection[str]], list[str]]:
    """Return who says that no call is hidden: every module's is seen."""
    return lambda _called: []


def held(module: Module, key: str) -> Tensor:
    """Return what a module holds now under the key of one of its tensors, None where that is no tensor any more."""
    value = next((store[key] for store in _stores(module) if key in store), None)
    return value if is_tensor(value) else None


def hold(module: Module, key: str, tensor: Tensor) -> None:
    """Let a module hold a tensor, the very one, under the key of one of its tensors."""
    import torch

    for store in _stores(module):
        if key in store and store is not module._buffers:
            del store[key]
    (module._parameters if isinstance(tensor, torch.nn.Parameter) else module._buffers)[key] = tensor


def _stores(module: Module) -> tuple[dict[str, Any], ...]:
    """Return where a name is looked for, in order: code may put a plain tensor in a parameter's place."""
    return module.__dict__, module._parameters, module._buffers


def _doubled(tensor: Any) -> Any:
    """Return a parameter or buffer in float64, which takes gradients as it did, by the same hooks."""
    new = doubled(tensor)
    if not tensor.requires_grad:
        return new
    if not tensor.is_leaf:  # a buffer, written from what takes gradients
        return taking_gradients(new)
    new.requires_grad_()
    for hook in (tensor._backward_hooks or {}).values():
        new.register_hook(hook)
    return new


@contextlib.contextmanager
def in_float64(module: Module) -> Iterator[None]:
    """Hold the floating parameters and buffers of a module, and of all inside it, in float64 while the block runs."""
    stores = [store for part in module.modules() for store in (part._parameters, part._buffers)]
    before = [
        (store, key, value)
        for store in stores
        for key, value in store.items()
        if value is not None and (value.is_floating_point() or value.is_complex())
    ]
    try:
        for store, key, value in before:
            store[key] = _doubled(value)
        yield
    finally:
        for store, key, value in before:
            store[key] = value
