"""Jittor's modules: the tree of them, their settings and state."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Collection, Iterator, Mapping

from . import attributes
from .adapter import Module, Tensor, Tree
from .jittor_tensors import doubled, is_tensor
from .walk import walked

_NO_SETTINGS = frozenset(["is_train", "sync"])
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
    return walked(roots, lambda module: list(_children(module)) if _opens(module) else [])


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


def _opens(module: Module) -> bool:
    """Tell whether a module is more than one layer of the framework's: a pool keeps its settings in a child, a Conv1d itself."""
    if not is_library(module) or _container(module):
        return True
    return any(_has_state(child) for key, child in _children(module) if not key.startswith("_"))


def _has_state(module: Module) -> bool:
    return any(True for _ in own_state(module)) or any(_has_state(child) for _, child in _children(module))


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
    """Return a module's own settings (eps, stride, heads ...): numbers, words, lists of numbers, None."""
    import jittor

    found = attributes.settings(module, jittor.Module, _NO_SETTINGS)
    for child in [] if _opens(module) else filter(is_module, vars(module).values()):
        found.update(settings(child))
    if _is_loss(module) and "size_average" in found:
        found["reduction"] = "mean" if found.pop("size_average") else "sum"
    return found


def _is_loss(module: Module) -> bool:
    return is_library(module) and type(module).__name__.endswith("Loss")


def training(module: Module) -> bool:
    """Tell whether the module is in train mode."""
    return bool(getattr(module, "is_train", True))


def own_state(module: Module) -> Iterator[tuple[str, Tensor, str, bool]]:
    """Yield (key, tensor, kind, trainable) for the Vars that belong to this module itself.

    Jittor has no buffers: running statistics are told by name, what weighs the classes of a loss by that, other constants by
    ``stop_grad``.
    """
    for key, value in _store(module).items():
        if is_tensor(value) and not str(key).startswith("_"):
            constant = _is_loss(module) or key in ("running_mean", "running_var")
            stopped = value.is_stop_grad()
            kind = "buffer" if constant or (stopped and training(module)) else "parameter"
            yield str(key), value, kind, not constant and not stopped


def hidden(tree: Tree) -> Callable[[Collection[str]], list[str]]:
    """Return who says that no call is hidden: every module's is seen."""
    return lambda _called: []


def held(module: Module, key: str) -> Tensor:
    """Return what a module holds now under the key of one of its Vars, None where that is no Var any more."""
    store = _store(module)
    value = next((store[name] for name in store if str(name) == key), None)
    return value if is_tensor(value) else None


def hold(module: Module, key: str, tensor: Tensor) -> None:
    """Let a module hold a Var, the very one, under the key of one of its Vars."""
    store = _store(module)
    store[next((name for name in store if str(name) == key), key)] = tensor


def _store(module: Module) -> dict[Any, Any]:
    import jittor

    found: dict[Any, Any] = module.params if isinstance(module, jittor.nn.ParameterList) else module.__dict__
    return found


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
