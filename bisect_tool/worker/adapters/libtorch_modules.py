"""libtorch's modules as modules of PyTorch: each stands for one in C++, whose calls come through its ``forward``."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import torch

from . import libtorch_runtime
from .torch_tensors import doubled

PORT = "port"  # the module that classes of the user's own are said to come from


class CppModule(torch.nn.Module):
    """A module of a port in C++: its tensors are the port's very own.

    ``called(compute, args)`` is what the runtime calls when the module is called there; ``compute`` is its own code.
    """

    _handle: Any
    _computing: List[Callable[..., Any]]  # the own code of its calls that run, the innermost last

    def __init__(self, handle: Any) -> None:
        super().__init__()
        self._handle, self._computing = handle, []
        self.training = handle.training
        self._parameters.update(handle.parameters)
        self._buffers.update(handle.buffers)

    def named(self, names: str) -> None:
        """Take note of the names of what the port's forward takes: "x, mask"."""
        _name_arguments(type(self), names)

    def called(self, compute: Any, args: Tuple[Any, ...]) -> Any:
        """Return what a call in C++ is to give."""
        self._computing.append(compute)
        try:
            return self.forward(*args)
        finally:
            self._computing.pop()

    def forward(self, *args: Any) -> Any:
        """Run the module's own code."""
        return self._computing[-1](*args)


def proxies(roots: List[Tuple[str, Any]], arguments: Mapping[str, List[str]]) -> Dict[str, CppModule]:
    """Return a module of Python's for each of the named ones, with all that lie inside; one that is shared has one.

    ``arguments`` says by the name of a class what its forward calls what it takes.
    """
    known: Dict[int, CppModule] = {}

    def proxy(handle: Any) -> CppModule:
        if handle.address not in known:
            module = known[handle.address] = _class_of(handle.type)(handle)
            words = arguments.get(_own_name(handle.type), []) if type(module).__module__ == PORT else []
            if words and "__signature__" not in vars(type(module).forward):
                module.named(", ".join(words))
            handle.bind(module)
            module._modules.update({name: proxy(child) for name, child in handle.children})
        return known[handle.address]

    return {name: proxy(handle) for name, handle in roots}


@functools.lru_cache(maxsize=None)
def _class_of(type_name: str) -> type[CppModule]:
    """Return a class named as PyTorch has it: ``torch::nn::Conv2dImpl`` is torch's ``Conv2d``."""
    name = _own_name(type_name)
    name = name[: -len("Impl")] if name.endswith("Impl") and name != "Impl" else name
    return type(name, (CppModule,), {"__module__": "torch.nn" if type_name.startswith("torch::nn::") else PORT})


def _own_name(type_name: str) -> str:
    """Return the name of a class without its namespaces and what it is a template of."""
    return re.sub(r"<.*>$", "", type_name).rpartition("::")[2]


def _name_arguments(kind: type[CppModule], names: str) -> None:
    """Let the ``forward`` of a class say by which names it takes its arguments: so they are paired with the reference's."""
    words = ["self", *(word.strip() for word in names.split(",")), "more"]
    if not all(word.isidentifier() for word in words) or len(set(words)) < len(words):
        return

    def forward(self: CppModule, *args: Any) -> Any:
        return self._computing[-1](*args)

    parameters = [inspect.Parameter(word, inspect.Parameter.POSITIONAL_OR_KEYWORD) for word in words[:-1]]
    parameters.append(inspect.Parameter(words[-1], inspect.Parameter.VAR_POSITIONAL))  # it may reach others by itself
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    forward.__module__ = kind.__module__
    kind.forward = forward  # type: ignore[method-assign]


def settings(module: CppModule) -> Dict[str, Any]:
    """Return the settings of one of libtorch's own modules; what the user's keep, nobody can see."""
    return dict(module._handle.settings)


def hold(module: CppModule, key: str, tensor: torch.Tensor) -> None:
    """Let the tensor that a module holds hold the values of another one, of whatever shape: the port keeps its own."""
    held: Optional[torch.Tensor] = module._parameters.get(key)
    held = module._buffers[key] if held is None else held
    if held is not None and held is not tensor:
        held.data = tensor.detach()


def looking_at(tensors: Sequence[torch.Tensor]) -> Callable[[torch.Tensor], Optional[bool]]:
    """Begin to look which of some tensors operations read: a member that another one was assigned to is not registered."""
    runtime = libtorch_runtime.loaded()
    runtime.look_at(tensors)
    return runtime.was_read


@contextlib.contextmanager
def in_float64(module: CppModule) -> Iterator[None]:
    """Hold the floating parameters and buffers of a module, and of all inside it, in float64 while the block runs."""
    stores = [store for part in module.modules() for store in (part._parameters, part._buffers)]
    found = {id(tensor): tensor for store in stores for tensor in store.values() if tensor is not None}
    floating = [tensor for tensor in found.values() if tensor.is_floating_point() or tensor.is_complex()]
    before = [(tensor, tensor.data) for tensor in floating]
    try:
        for tensor, data in before:
            tensor.data = doubled(data)
        yield
    finally:
        for tensor, data in before:
            tensor.data = data
