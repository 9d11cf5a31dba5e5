"""Jittor, as ``adapter`` asks: about itself here, the rest from the modules beside this one.

Jittor is lazy and fuses whatever is pending, so that a replaced value would change the kernels, and the
kernels the last digits. Every module call therefore ends in a strict sync of its inputs and outputs:
what is fused then never crosses a site, whatever is patched.
"""

from __future__ import annotations

import os
from typing import Any, Callable, FrozenSet

from ..code import watching
from . import jittor_setup
from .entry import load_entry
from .jittor_draws import drawings
from .jittor_gradients import (
    distinct,
    given_pass_none,
    gradients_on,
    has_path,
    in_backward,
    in_transform,
    leaf,
    noting,
    numpy_reads_all,
    pull,
    starting,
    taking_gradients,
    through,
    unfrozen,
    with_gradients,
)
from .jittor_modules import (
    class_name,
    held,
    hidden,
    hold,
    in_float64,
    is_library,
    is_module,
    module_tree,
    own_state,
    settings,
    training,
)
from .jittor_optimizer import (
    is_optimizer,
    optimizer_groups,
    optimizer_state,
    optimizer_steps,
    put_optimizer_back,
)
from .jittor_tensors import (
    cast,
    casting_no_float64_down,
    clone,
    detached,
    doubled,
    dtype,
    from_numpy,
    holds,
    is_tensor,
    kept,
    layout,
    looking_at,
    memory,
    mutation,
    perturb,
    precision,
    put_back,
    sample,
    seed,
    sync,
    to_numpy,
    write,
    write_apart,
)

__all__ = [
    "COMPILES",
    "FRAMEWORK",
    "LACKS",
    "METHOD",
    "cast",
    "casting_no_float64_down",
    "class_name",
    "clone",
    "detached",
    "distinct",
    "doubled",
    "drawings",
    "dtype",
    "from_numpy",
    "given_pass_none",
    "gradients_on",
    "has_path",
    "held",
    "hidden",
    "hold",
    "holds",
    "in_backward",
    "in_float64",
    "in_transform",
    "is_library",
    "is_module",
    "is_optimizer",
    "is_tensor",
    "kept",
    "kernels",
    "layout",
    "leaf",
    "load_entry",
    "looking_at",
    "memory",
    "module_tree",
    "mutation",
    "noting",
    "numpy_reads_all",
    "optimizer_groups",
    "optimizer_state",
    "optimizer_steps",
    "own_state",
    "perturb",
    "precision",
    "prepare",
    "pull",
    "put_back",
    "put_optimizer_back",
    "sample",
    "seed",
    "settings",
    "starting",
    "sync",
    "taking_gradients",
    "through",
    "to_numpy",
    "training",
    "unfrozen",
    "version",
    "watcher",
    "with_gradients",
    "write",
    "write_apart",
]

watcher: Callable[..., Any] = watching.Watcher
FRAMEWORK = "jittor"
LACKS: FrozenSet[str] = frozenset()
METHOD = "execute"
COMPILES = True  # each kernel at its first use


def prepare() -> None:
    """Import jittor, compiling its core if this machine has not done so yet (minutes)."""
    jittor_setup.import_jittor()


def version() -> str:
    """Return the framework's version."""
    import jittor

    return str(jittor.__version__)


def kernels() -> int | None:
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
