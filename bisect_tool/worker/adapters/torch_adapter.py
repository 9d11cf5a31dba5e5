"""PyTorch, as ``adapter`` asks: about itself here, the rest from the modules beside this one."""

from __future__ import annotations

import os
from typing import Any, Callable, FrozenSet

from ..code import watching
from .entry import load_entry
from .torch_checkpoint import compute_once
from .torch_draws import drawings
from .torch_gradients import (
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
from .torch_modules import (
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
from .torch_optimizer import (
    is_optimizer,
    optimizer_groups,
    optimizer_state,
    optimizer_steps,
    put_optimizer_back,
)
from .torch_tensors import (
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
FRAMEWORK = "torch"
LACKS: FrozenSet[str] = frozenset()
METHOD = "forward"
COMPILES = False


def prepare() -> None:
    """Import torch; one place to fail when it is not installed."""
    # A compiled model would be traced through what stands around each call, and its calls would be no calls any more.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    import torch

    compute_once()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        torch.set_num_threads(int(threads))


def version() -> str:
    """Return the framework's version."""
    import torch

    return str(torch.__version__)


def kernels() -> int | None:
    """Return None: torch has all its kernels from the start."""
    return None
