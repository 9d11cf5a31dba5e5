"""What the worker needs to know about Jittor.

Jittor is lazy and fuses whatever is pending, so that a replaced value would change the kernels, and the
kernels the last digits. Every module call therefore ends in a strict sync of its inputs and outputs:
what is fused then never crosses a site, whatever is patched.
"""

import contextlib
import os

import numpy as np

from ..arrays import trees
from . import jittor_optimizer, jittor_setup

METHOD = "execute"
COMPILES = True  # each kernel at its first use
OPTIMIZERS = jittor_optimizer
NAMES = [0]  # names given so far to Vars that gradients are asked of
# Jittor names its activation classes after the functions; "Conv" alone is its Conv2d.
TORCH_NAMES = {
    "Conv": "Conv2d", "ConvTranspose": "ConvTranspose2d", "BatchNorm": "BatchNorm2d", "InstanceNorm": "InstanceNorm2d",
    "silu": "SiLU", "relu": "ReLU", "relu6": "ReLU6", "gelu": "GELU", "sigmoid": "Sigmoid", "tanh": "Tanh",
    "leaky_relu": "LeakyReLU", "elu": "ELU", "softplus": "Softplus", "hardtanh": "Hardtanh", "mish": "Mish",
}  # fmt: skip


def prepare():
    """Import jittor, compiling its core if this machine has not done so yet (minutes)."""
    jittor_setup.import_jittor()


def version():
    """Return the framework's version."""
    import jittor

    return str(jittor.__version__)


def is_module(value):
    """Tell whether a value is a module of this framework."""
    import jittor

    return isinstance(value, jittor.Module)


def is_tensor(value):
    """Tell whether a value is a Var."""
    import jittor

    return isinstance(value, jittor.Var)


def is_optimizer(value):
    """Tell whether a value is an optimizer of this framework."""
    import jittor

    return isinstance(value, jittor.optim.Optimizer)


def module_tree(roots):
    """Return (name, module, leaf) for every module, a shared one under each of its names, in definition order.

    Modules in plain lists and dicts are found too: Jittor's own ``named_modules`` misses them.
    """
    found = []

    def visit(name, module):
        children = [] if is_library(module) and not _container(module) else list(_children(module))
        found.append((name, module, not children))
        for key, child in children:
            visit("%s.%s" % (name, key) if name else key, child)

    for name, module in roots.items():
        visit(name, module)
    return found


def _children(module):
    for key, value in vars(module).items():
        if is_module(value):
            yield key, value
        elif isinstance(value, (list, tuple, dict)):
            prefix = "" if _container(module) and key == "layers" else "%s." % key
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for inner, child in items:
                if is_module(child):
                    yield "%s%s" % (prefix, inner), child


def _container(module):
    import jittor

    return isinstance(module, jittor.nn.Sequential)


def is_library(module):
    """Tell whether the class comes with the framework."""
    return type(module).__module__.split(".")[0] == "jittor"


def class_name(module):
    """Return the class name as torch spells it."""
    name = type(module).__name__
    return TORCH_NAMES.get(name, name) if is_library(module) else name


def settings(module):
    """Return a module's own public settings (eps, stride, padding ...): numbers, words and tuples of them."""
    found = {}
    for key, value in vars(module).items():
        if is_module(value) and is_library(module) and not _container(module):
            found.update(settings(value))  # MaxPool2d keeps its settings in a child
        elif not key.startswith("_") and key not in ("is_train", "sync"):
            value = trees.plain(value)
            if value is not None:
                found[key] = value
    return found


def training(module):
    """Tell whether the module is in train mode."""
    return bool(getattr(module, "is_train", True))


def own_state(module, leaf):
    """Yield (key, var, kind, trainable) for the Vars that belong to this module itself.

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
            for inner, var, kind, trainable in own_state(value, True):
                yield "%s.%s" % (key, inner), var, kind, trainable


def to_numpy(var):
    """Return the Var's values as an array of its own, without executing anything else that is pending."""
    var.sync(False, False)
    return np.array(var.data, order="C")


def from_numpy(array, like=None):
    """Return a new Var with an array's values; a scalar gets shape (1,), 64 bit becomes 32 as Jittor has it."""
    import jittor

    var = jittor.array(np.array(array, order="C"))
    var.sync(False, False)
    return var


def dtype(_var):
    """Return None: a Var made from an array has the dtype that Jittor gives it."""


def cast(var, _dtype):
    """Return the Var as it is."""
    return var


def doubled(var):
    """Return a copy in float64 of a floating Var, anything else as it is."""
    if not str(var.dtype).startswith("float"):
        return var
    var = var.detach().float64()
    var.sync(False, False)
    return var


@contextlib.contextmanager
def in_float64(module):
    """Hold the floating Vars of a module, and of all inside it, in float64 while the block runs."""
    parts = [module]
    for part in parts:
        parts += [child for _, child in _children(part)]
    before = [(vars(part), key, value) for part in parts for key, value in vars(part).items() if is_tensor(value)]
    try:
        for store, key, value in before:
            store[key] = doubled(value)
        yield
    finally:
        for store, key, value in before:
            store[key] = value


def clone(var):
    """Return a new Var with the same values."""
    return from_numpy(to_numpy(var))


def detached(var):
    """Return a copy of the values alone."""
    return from_numpy(to_numpy(var))


def write(var, array):
    """Write values into a Var in place, which costs no kernel. Raises ValueError when the shapes differ."""
    if tuple(var.shape) != array.shape and not var.numel() == array.size == 1:
        raise ValueError("shape %s, the value has %s" % (list(var.shape), list(array.shape)))
    var.sync(False, False)
    var.data[...] = array.reshape(tuple(var.shape))


def sync(variables):
    """Execute what is pending for these Vars, and nothing else."""
    for var in variables:
        var.sync(False, False)


def seed(number):
    """Set every random state that a step may draw from; this seeds numpy and random too."""
    import jittor

    jittor.set_global_seed(number)


def mutation(_var):
    """Return None: a Var does not tell when it is overwritten in place."""
    return


def perturb(var, size, draw):
    """Return the Var off by relative noise of a size: each element for itself, and each channel as a whole."""
    values = to_numpy(var)
    if values.dtype.kind != "f" or not values.size:
        return var
    generator = np.random.default_rng(draw)
    noise = generator.standard_normal(values.shape)
    if values.ndim >= 2:
        noise += generator.standard_normal((1, values.shape[1]) + (1,) * (values.ndim - 2))
    return from_numpy((values * (1 + size * noise)).astype(values.dtype))


def kernels():
    """Return how many kernels this process has loaded: a probe that compiles one, or finds it in the cache, adds to them.

    None where no /proc tells. Other processes may add to the cache, so that what lies in it says nothing.
    """
    import jittor

    folder = os.path.join(os.path.realpath(jittor.flags.cache_path), "jit") + os.sep
    try:
        with open("/proc/self/maps") as maps:
            return len({line[line.index("/") :] for line in maps if folder in line and line.endswith(".so\n")})
    except OSError:
        return None


def leaf(var, values=None, exact=False):
    """Return (a Var that a graph begins at, the same for the code to use); the first is None where none can begin.

    ``values`` is an array to take in place of the Var's own; ``exact`` holds it in float64.
    """
    import jittor

    array = to_numpy(var) if values is None else np.asarray(values).astype(str(var.dtype)).reshape(tuple(var.shape))
    if array.dtype.kind != "f":
        return None, from_numpy(array)
    new = jittor.array(array.astype(np.float64), dtype="float64") if exact else from_numpy(array)
    new.sync(False, False)
    if new.is_stop_grad():  # made where the code switched gradients off
        new.start_grad()
    return new, new


def gradients_on():
    """Tell whether what is computed now keeps a path for gradients."""
    import jittor

    return not jittor.flags.no_grad


def with_gradients():
    """Return a context in which what is computed keeps a path for gradients."""
    import jittor

    return jittor.enable_grad()


def numpy_reads_all():
    """Return a context that does nothing: numpy reads every Var."""
    return contextlib.nullcontext()


def has_path(var):
    """Tell whether the Var may have been computed from something that takes gradients."""
    return not var.is_stop_grad()


def starting(var):
    """Make a Var one that a graph begins at."""
    var.start_grad()
    return var


def pull(roots, leaves):
    """Return the gradients that gradients at ``roots``, (Var, array) pairs, make at ``leaves``: arrays, None without a path.

    Each gradient is computed by itself, so that what is fused does not depend on what else is asked for.
    """
    import jittor

    class Seed(jittor.Function):
        def execute(self, _root):
            return jittor.zeros((1,))

        def grad(self, _one):
            return self.gradient

    known = [(var, array) for var, array in roots if not var.is_stop_grad()]
    wanted = [number for number, var in enumerate(leaves) if not var.is_stop_grad()]
    found = [None] * len(leaves)
    if not known or not wanted:
        return found
    total = jittor.zeros((1,))
    for var, array in known:
        seed = Seed()
        seed.gradient = jittor.array(array.astype(str(var.dtype)).reshape(tuple(var.shape)), dtype=str(var.dtype))
        seed.gradient.sync(False, False)
        total = total + seed(var)
    gradients, without = _gradients(total, [leaves[number] for number in wanted])
    for number, gradient, none in zip(wanted, gradients, without):
        found[number] = None if none else to_numpy(gradient)
    return found


def _gradients(total, leaves):
    """Return (the gradients, whether each is none at all): Jittor gives zeros, and warns, once for each name of a Var."""
    import jittor

    before = [var.name() for var in leaves]
    silent = jittor.flags.log_silent
    errors = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for var in leaves:
        NAMES[0] += 1
        var.name("leaf_%d" % NAMES[0])
    try:
        os.dup2(nowhere, 2)
        jittor.flags.log_silent = 0
        jittor.LOG.log_capture_start()
        gradients = jittor.grad(total, leaves)
    finally:
        jittor.LOG.log_capture_stop()
        jittor.flags.log_silent = silent
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nowhere)
        for var, name in zip(leaves, before):
            var.name(name)
    said = " ".join(row["msg"] for row in jittor.LOG.log_capture_read() if "doesn't have gradient" in row["msg"])
    return gradients, ["grads[%d] " % number in said for number in range(len(leaves))]


def noting(var, note):
    """Return the Var with ``note`` called with its gradient, once that is there; what it returns takes its place."""
    return _through(var, var, note) if str(var.dtype).startswith("float") else var


def distinct(var):
    """Return the Var itself: ``noting`` makes another one of it."""
    return var


def through(own, values):
    """Return a Var with an array's values whose gradient goes to ``own`` as it is."""
    value = from_numpy(np.asarray(values).astype(str(own.dtype)).reshape(tuple(own.shape)))
    return _through(own, value, lambda _gradient: None)


def _through(own, value, note):
    import jittor

    class Through(jittor.Function):
        def execute(self, _own, value):
            return value

        def grad(self, gradient):
            if gradient is None:
                return None, None
            gradient.sync(False, False)
            changed = note(gradient)
            return gradient if changed is None else changed, None

    new = Through()(own, value.detach() if value is own else value)
    new.sync(False, False)
    return new


@contextlib.contextmanager
def unfrozen(var):
    """Let a parameter take gradients while the block runs."""
    before = var.is_stop_grad()
    var.start_grad()
    try:
        yield
    finally:
        if before:
            var.stop_grad()
