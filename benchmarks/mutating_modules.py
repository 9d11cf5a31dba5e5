"""Single mistakes in built modules: settings, wiring, parameters, and what is cut from the gradient.

`module_mutants` lists every one that a model offers, as data; `apply` makes one, in torch and in Jittor alike.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MethodType
from typing import Any

import numpy as np

SQUARE = "transposed"
VALUES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "zeroed": np.zeros_like,
    "constant": lambda a: np.full_like(a, 0.1),
    SQUARE: lambda a: np.ascontiguousarray(a.swapaxes(*_square_axes(a))),
    "permuted": lambda a: np.ascontiguousarray(a[::-1]),
    "scaled": lambda a: a * np.float32(1.5),
    "one channel": lambda a: np.concatenate([np.zeros_like(a[:1]), a[1:]]),
    "never loaded": lambda a: np.random.default_rng(7).normal(a.mean(), a.std() or 0.1, a.shape).astype(a.dtype),
}
OTHER_ACTIVATION = {"SiLU": "ReLU", "ReLU": "SiLU", "ReLU6": "SiLU"}


def module_mutants(modules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every mutant of built torch modules: kind, name, what changes, and the truth about where it lies."""
    for root, top in modules.items():
        for inner, module in top.named_modules():
            name = f"{root}.{inner}" if inner else root
            for kind, what, change in _changes(module):
                yield {
                    "kind": kind,
                    "what": f"{name}: {what}",
                    "changes": [{"module": name, **change}],
                    "truth": {"modules": [name]},
                }
    for name, tensor in named_state(modules).items():
        array = to_numpy(tensor)
        if array.dtype.kind != "f" or "running_" in name:  # in training, a batch norm does not read its buffers
            continue
        for value in VALUES:
            if value != SQUARE or _square_axes(array):
                yield {
                    "kind": "parameter",
                    "what": f"{name}: {value}",
                    "changes": [{"op": "value", "state": name, "value": value}],
                    "truth": {"state": [name]},
                }


def _changes(module: Any) -> Iterator[tuple[str, str, dict]]:
    """Yield kind, words and change of every mistake in one module."""
    cls = type(module).__name__
    if cls == "Sequential":
        yield from _chain(module)
    elif not type(module).__module__.startswith("torch"):
        yield from _own(module)
    else:
        yield from _library_layer(module, cls)


def _library_layer(module: Any, cls: str) -> Iterator[tuple[str, str, dict]]:
    if cls == "BatchNorm2d":
        for eps in sorted({1e-5, 1e-3, 1e-2} - {module.eps}):
            yield "setting", f"eps {eps}", {"op": "set", "attribute": "eps", "value": eps}
        yield "setting", "evaluation mode", {"op": "eval"}
    elif cls == "Conv2d":
        if module.kernel_size[0] == 3 and module.stride[0] == 1:
            yield "setting", "dilation 2", {"op": "dilate"}
        yield "gradient", "output detached", {"op": "detached"}
    elif cls == "MaxPool2d":
        yield "setting", "kernel 3", {"op": "pool"}
    elif cls == "Upsample":
        yield "setting", "bilinear", {"op": "set", "attribute": "mode", "value": "bilinear"}
    elif cls in OTHER_ACTIVATION:
        yield "setting", f"{OTHER_ACTIVATION[cls]} for {cls}", {"op": "activation", "class": OTHER_ACTIVATION[cls]}
        yield "wiring", "skipped", {"op": "skipped"}


def _own(module: Any) -> Iterator[tuple[str, str, dict]]:
    """Yield the mistakes in a module that the port's author wrote."""
    for key, value in vars(module).items():
        if isinstance(value, float) and key != "drop_prob":
            yield "setting", f"{key} doubled", {"op": "set", "attribute": key, "value": 2 * value}
    inputs = list(inspect.signature(module.forward).parameters)
    if len(inputs) > 1 or inputs[0] in ("maps", "feats"):
        yield "wiring", "inputs reversed", {"op": "reversed"}
    yield "wiring", "skipped", {"op": "skipped"}
    yield "wiring", "called twice", {"op": "twice"}
    yield "gradient", "input detached", {"op": "input detached"}


def _chain(module: Any) -> Iterator[tuple[str, str, dict]]:
    count = len(module)
    for i in range(count - 1):
        order = [*range(i), i + 1, i, *range(i + 2, count)]
        yield "wiring", f"children {i} and {i + 1} called in the other order", {"op": "order", "order": order}
    if count <= 8:
        for i in range(count):
            yield "wiring", f"child {i} not called", {"op": "order", "order": [j for j in range(count) if j != i]}
            order = [*range(i + 1), *range(i, count)]
            yield "wiring", f"child {i} called twice", {"op": "order", "order": order}


def apply(modules: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    """Make one change in built modules."""
    if change["op"] == "value":
        tensor = named_state(modules)[change["state"]]
        write(tensor, VALUES[change["value"]](to_numpy(tensor)))
        return
    module, parent, key = _find(modules, change["module"])
    op = change["op"]
    if op == "set":
        setattr(module, change["attribute"], change["value"])
    elif op == "eval":
        module.eval()
    elif op == "dilate":
        module.padding = module.dilation = (2, 2)
    elif op == "pool":
        new = type(module)(3, stride=1, padding=1)
        setattr(parent, key, new)
    elif op == "activation":
        setattr(parent, key, getattr(_library(module), change["class"])())
    else:
        _rewire(module, op, change)


def _rewire(module: Any, op: str, change: Mapping[str, Any]) -> None:
    """Give one module another forward method; its class and its other instances keep theirs."""
    method = "forward" if hasattr(module, "forward") else "execute"
    own = getattr(module, method)

    def ordered(self: Any, x: Any) -> Any:
        for i in change["order"]:
            x = self[i](x)
        return x

    def skipped(_self: Any, x: Any) -> Any:
        return x

    def twice(_self: Any, x: Any) -> Any:
        return own(own(x))

    def backwards(_self: Any, *args: Any) -> Any:
        return own(*args[::-1]) if len(args) > 1 else own(args[0][::-1])

    def detached(_self: Any, *args: Any) -> Any:
        return own(*args).detach()

    def input_detached(_self: Any, *args: Any) -> Any:
        return own(*(_detached(arg) for arg in args))

    new = {
        "order": ordered,
        "skipped": skipped,
        "twice": twice,
        "reversed": backwards,
        "detached": detached,
        "input detached": input_detached,
    }[op]
    object.__setattr__(module, method, MethodType(new, module))


def _detached(value: Any) -> Any:
    return [_detached(v) for v in value] if isinstance(value, (list, tuple)) else value.detach()


def _find(modules: Mapping[str, Any], name: str) -> tuple[Any, Any, str]:
    """Return a module by its full name, its parent and its key there."""
    root, _, inner = name.partition(".")
    module, parent, key = modules[root], None, root
    for part in inner.split(".") if inner else ():
        parent, key = module, part
        module = module[int(part)] if part.isdigit() else getattr(module, part)
    return module, parent, key


def _library(module: Any) -> Any:
    if hasattr(module, "forward"):
        from torch import nn
    else:
        from jittor import nn
    return nn


def named_state(modules: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter and buffer of built modules by its full name."""
    found = {}
    for root, top in modules.items():
        state = top.state_dict(keep_vars=True) if hasattr(top, "forward") else top.state_dict()
        found.update({f"{root}.{name}": tensor for name, tensor in state.items()})
    return found


def to_numpy(tensor: Any) -> np.ndarray:
    """Return a tensor's values as an array of its own."""
    return np.array((tensor.detach() if hasattr(tensor, "requires_grad_") else tensor).numpy())


def write(tensor: Any, array: np.ndarray) -> None:
    """Put values into a parameter or buffer."""
    if hasattr(tensor, "requires_grad_"):
        import torch

        with torch.no_grad():
            tensor.copy_(torch.from_numpy(array))
        return
    import jittor as jt

    tensor.assign(jt.array(array))
    tensor.sync()


def _square_axes(array: np.ndarray) -> tuple[int, int] | None:
    """Return two axes of one length that can change places: output and input, or a kernel's sides."""
    if array.ndim >= 2 and array.shape[0] == array.shape[1] > 1:
        return 0, 1
    return (2, 3) if array.ndim == 4 and array.shape[2] == array.shape[3] > 1 else None
