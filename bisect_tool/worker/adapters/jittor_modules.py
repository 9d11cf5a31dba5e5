"""Jittor's modules: the tree of them, their settings and state."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Mapping

from ..arrays import trees
from .adapter import Module, Tensor, Tree
from .jittor_tensors import doubled, is_tensor

# Jittor names its activation classes after the functions; "Conv" alone is its Conv2d.
TORCH_NAMES = {
    "Conv": "Conv2d", "ConvTranspose": "ConvTranspose2d", "BatchNorm": "BatchNorm2d", "InstanceNorm": "InstanceNorm2d",
    "silu": "SiLU", "relu": "ReLU", "relu6": "ReLU6", "gelu": "GELU", "sigmoid": "Sigmoid", "tanh": "Tanh",
    "leaky_relu": "LeakyReLU", "elu": "ELU", "softplus": "Softplus", "hardtanh": "Hardtanh", "mish": "Mish",
}  # fmt: skip


def is_module(value: Any) -> bool:
    """Tell whether a value is a module of this framework."""
    import jittor

    return isinstance(value, jittor.Module)


def module_tree(roots: Mapping[str, Module]) -> Tree:
    """Return (name, module, leaf) for every module, a shared one under each of its names, in definition order.

    Modules in plain lists and dicts are found too: Jittor's own ``named_modules`` misses them.
    """
    found: Tree = []

    def visit(name: str, module: Module) -> None:
        children = [] if is_library(module) and not _container(module) else list(_children(module))
        found.append((name, module, not children))
        for key, child in children:
            visit("%s.%s" % (name, key) if name else key, child)

    for name, module in roots.items():
        visit(name, module)
    return found


def _children(module: Module) -> Iterator[tuple[str, Module]]:
    for key, value in vars(module).items():
        if is_module(value):
            yield key, value
        elif isinstance(value, (list, tuple, dict)):
            prefix = "" if _container(module) and key == "layers" else "%s." % key
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for inner, child in items:
                if is_module(child):
                    yield "%s%s" % (prefix, inner), child


def _container(module: Module) -> bool:
    import jittor

    return isinstance(module, jittor.nn.Sequential)


def is_library(module: Module) -> bool:
    """Tell whether the class comes with the framework."""
    return type(module).__module__.split(".")[0] == "jittor"


def class_name(module: Module) -> str:
    """Return the class name as torch spells it."""
    name = type(module).__name__
    return TORCH_NAMES.get(name, name) if is_library(module) else name


def settings(module: Module) -> dict[str, Any]:
    """Return a module's own public settings (eps, stride, padding ...): numbers, words and tuples of them."""
    found: dict[str, Any] = {}
    for key, value in vars(module).items():
        if is_module(value) and is_library(module) and not _container(module):
            found.update(settings(value))  # MaxPool2d keeps its settings in a child
        elif not key.startswith("_") and key not in ("is_train", "sync"):
            value = trees.plain(value)
            if value is not None:
                found[key] = value
    return found


def training(module: Module) -> bool:
    """Tell whether the module is in train mode."""
    return bool(getattr(module, "is_train", True))


def own_state(module: Module, leaf: bool) -> Iterator[tuple[str, Tensor, str, bool]]:
    """Yield (key, tensor, kind, trainable) for the Vars that belong to this module itself.

    Jittor has no buffers: running statistics are told by name, other constants by ``stop_grad``.
    """
    import jittor

    source = module.params if isinstance(module, jittor.nn.ParameterList) else vars(module)
    for key, value in source.items():
        if is_tensor(value) and not str(key).startswith("_"):
            running = key in ("running_mean", "running_var")
            stopped = value.is_stop_grad()
            kind = "buffer" if running or (stopped and training(module)) else "parameter"
            yield str(key), value, kind, not running and not stopped
        elif leaf and is_module(value):
            for inner, tensor, kind, trainable in own_state(value, True):
                yield "%s.%s" % (key, inner), tensor, kind, trainable


@contextlib.contextmanager
def in_float64(module: Module) -> Iterator[None]:
    """Hold the floating Vars of a module, and of all inside it, in float64 while the block runs."""
    parts = [module]
    for part in parts:
        parts += [child for _, child in _children(part)]
    before = [(part.__dict__, key, value) for part in parts for key, value in vars(part).items() if is_tensor(value)]
    try:
        for store, key, value in before:
            store[key] = doubled(value)
        yield
    finally:
        for store, key, value in before:
            store[key] = value
