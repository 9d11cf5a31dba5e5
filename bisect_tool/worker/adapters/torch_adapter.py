"""What the worker needs to know about PyTorch."""

import contextlib
import os

import numpy as np

from ..arrays import trees
from . import torch_optimizer

METHOD = "forward"
COMPILES = False
OPTIMIZERS = torch_optimizer


def prepare():
    """Import torch; one place to fail when it is not installed."""
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        torch.set_num_threads(int(threads))


def version():
    """Return the framework's version."""
    import torch

    return str(torch.__version__)


def is_module(value):
    """Tell whether a value is a module of this framework."""
    import torch

    return isinstance(value, torch.nn.Module)


def is_tensor(value):
    """Tell whether a value is a dense tensor that can be written down."""
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_complex()


def is_optimizer(value):
    """Tell whether a value is an optimizer of this framework."""
    import torch

    return isinstance(value, torch.optim.Optimizer)


def module_tree(roots):
    """Return (name, module, leaf) for every module, a shared one under each of its names, in definition order."""
    import torch

    containers = (torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict)
    found = []

    def visit(name, module):
        library = is_library(module) and not isinstance(module, containers)
        children = [] if library else list(module._modules.items())
        found.append((name, module, not any(child is not None for _, child in children)))
        for key, child in children:
            if child is not None:
                visit("%s.%s" % (name, key) if name else key, child)

    for name, module in roots.items():
        visit(name, module)
    return found


def is_library(module):
    """Tell whether the class comes with the framework."""
    return type(module).__module__.split(".")[0] == "torch"


def class_name(module):
    """Return the class name as the other framework would spell it."""
    return type(module).__name__


def settings(module):
    """Return a module's own public settings (eps, stride, padding ...): numbers, words and tuples of them."""
    found = {}
    for key, value in vars(module).items():
        if not key.startswith("_") and key not in ("training", "inplace"):
            value = trees.plain(value)
            if value is not None:
                found[key] = value
    return found


def training(module):
    """Tell whether the module is in train mode."""
    return module.training


def own_state(module, leaf):
    """Yield (key, tensor, kind, trainable) for the tensors that belong to this module itself."""
    for source, kind in ((module._parameters, "parameter"), (module._buffers, "buffer")):
        for key, value in source.items():
            if value is not None and key != "num_batches_tracked":
                yield key, value, kind, value.requires_grad
    if leaf:
        for prefix, child in list(module.named_modules())[1:]:
            for key, value, kind, trainable in own_state(child, False):
                yield "%s.%s" % (prefix, key), value, kind, trainable


def to_numpy(tensor):
    """Return the tensor's values as an array of its own; bfloat16 as float32."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(tensor.numpy(), order="C")


def from_numpy(array, like=None):
    """Return a new tensor with an array's values, on the device where ``like`` lies."""
    import torch

    tensor = torch.from_numpy(np.array(array, order="C"))
    return tensor if like is None else tensor.to(like.device)


def dtype(tensor):
    """Return the tensor's dtype, for ``cast``."""
    return tensor.dtype


def cast(tensor, dtype):
    """Return the tensor in a dtype."""
    return tensor.to(dtype)


def doubled(tensor):
    """Return a copy in float64 of a floating tensor, anything else as it is."""
    return tensor.detach().double() if tensor.is_floating_point() else tensor


@contextlib.contextmanager
def in_float64(module):
    """Hold the floating parameters and buffers of a module, and of all inside it, in float64 while the block runs."""
    stores = [store for part in module.modules() for store in (part._parameters, part._buffers)]
    before = [
        (store, key, value)
        for store in stores
        for key, value in store.items()
        if value is not None and value.is_floating_point()
    ]
    try:
        for store, key, value in before:
            store[key] = doubled(value)
        yield
    finally:
        for store, key, value in before:
            store[key] = value


def casting_no_float64_down():
    """Return a context in which a float64 tensor stays one, whatever the code casts it to: what is exact stays exact."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    lower = (torch.float32, torch.float16, torch.bfloat16)

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            casts = func is torch.ops.aten._to_copy.default and kwargs.get("dtype") in lower
            if casts and args[0].dtype == torch.float64:
                kwargs = dict(kwargs, dtype=torch.float64)
            return func(*args, **kwargs)

    return Mode()


def clone(tensor):
    """Return a copy that stands in for the tensor in every way, gradient path included."""
    return tensor.clone()


def detached(tensor):
    """Return a copy of the values alone."""
    return tensor.detach().clone()


def write(tensor, array):
    """Write values into a parameter or buffer in place. Raises ValueError when the shapes differ."""
    import torch

    if tuple(tensor.shape) != array.shape:
        raise ValueError("shape %s, the value has %s" % (list(tensor.shape), list(array.shape)))
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(array, order="C")))


def sync(_values):
    """Do nothing: torch is eager."""


def seed(number):
    """Set every random state that a step may draw from."""
    import random

    import torch

    torch.manual_seed(number)
    np.random.seed(number)
    random.seed(number)


def mutation(tensor):
    """Return a counter that grows whenever the tensor is overwritten in place, None when it is unknown."""
    try:
        return tensor._version
    except RuntimeError:  # inference tensors do not track versions
        return None


def perturb(tensor, size, draw):
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


def kernels():
    """Return None: torch has all its kernels from the start."""
    return


def leaf(tensor, values=None, exact=False):
    """Return (a tensor that a graph begins at, the same for the code to use); the first is None where none can begin.

    ``values`` is an array to take in place of the tensor's own; ``exact`` holds it in float64.
    """
    import torch

    new = detached(tensor) if values is None else from_numpy(values, like=tensor).to(tensor.dtype)
    if not new.is_floating_point():
        return None, new
    new = (new.double() if exact else new).requires_grad_()
    with torch.enable_grad():
        return new, new.clone()  # the code may write into what it uses


def gradients_on():
    """Tell whether what is computed now keeps a path for gradients."""
    import torch

    return torch.is_grad_enabled()


def with_gradients():
    """Return a context in which what is computed keeps a path for gradients."""
    import torch

    return torch.enable_grad()


@contextlib.contextmanager
def numpy_reads_all():
    """Let numpy read tensors that take gradients: where a graph begins here, the model's own run has no gradient."""
    import torch

    plain = torch.Tensor.numpy
    torch.Tensor.numpy = lambda tensor, **how: plain(tensor.detach(), **how)
    try:
        yield
    finally:
        torch.Tensor.numpy = plain


def has_path(tensor):
    """Tell whether the tensor was computed from something that takes gradients."""
    return tensor.requires_grad


def starting(tensor):
    """Make a tensor one that a graph begins at."""
    tensor.requires_grad_()
    return tensor


def pull(roots, leaves):
    """Return the gradients that gradients at ``roots``, (tensor, array) pairs, make at ``leaves``: arrays, None without a path."""
    import torch

    known = [(tensor, array) for tensor, array in roots if tensor.requires_grad]
    wanted = [number for number, tensor in enumerate(leaves) if tensor.requires_grad]
    found = [None] * len(leaves)
    if known and wanted:
        gradients = torch.autograd.grad(
            [tensor for tensor, _ in known],
            [leaves[number] for number in wanted],
            [from_numpy(array.reshape(tuple(t.shape)), like=t).to(t.dtype) for t, array in known],
            retain_graph=True,
            allow_unused=True,
        )
        for number, gradient in zip(wanted, gradients):
            found[number] = None if gradient is None else to_numpy(gradient.to_dense())
    return found


def noting(tensor, note):
    """Return the tensor with ``note`` called with its gradient, once that is there; what it returns takes its place."""
    if tensor.requires_grad:
        tensor.register_hook(note)
    return tensor


def distinct(tensor):
    """Return another tensor of the same values, with the gradient path through it."""
    return tensor.clone()


def through(own, values):
    """Return a tensor with an array's values whose gradient goes to ``own`` as it is."""
    import torch

    class Through(torch.autograd.Function):
        @staticmethod
        def forward(_context, _own, new):
            return new.clone()  # the code may write into it

        @staticmethod
        def backward(_context, gradient):
            return gradient, None

    return Through.apply(own, from_numpy(values.reshape(tuple(own.shape)), like=own).to(own.dtype))


@contextlib.contextmanager
def unfrozen(tensor):
    """Let a parameter take gradients while the block runs."""
    before = tensor.requires_grad
    tensor.requires_grad_()
    try:
        yield
    finally:
        tensor.requires_grad_(before)
