"""Checkpointed code is computed once, as code that is not checkpointed: it computes the same, and saves only memory.

Computed again while gradients are pulled back, it would take its layers' values from nowhere where they were replaced, and
what is severed or begun anew in it would come too late.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator


def compute_once() -> None:
    """Have ``torch.utils.checkpoint`` compute plainly from now on in this process, however its function was imported."""
    from torch.utils import checkpoint

    module: Any = checkpoint
    module.CheckpointFunction.apply = _reentrant
    if hasattr(module, "_checkpoint_without_reentrant_generator"):
        module._checkpoint_without_reentrant_generator = _around
    else:  # before torch 2.1
        module._checkpoint_without_reentrant = _without_reentrant


def _reentrant(run: Callable[..., Any], _preserve: bool, *args: Any) -> Any:
    """Compute; without a gradient path where none of the arguments has one: that is what the reentrant kind does."""
    import torch

    has_path = any(isinstance(each, torch.Tensor) and each.requires_grad for each in args)
    with contextlib.nullcontext() if has_path else torch.no_grad():
        return run(*args)


def _around(*_how: Any, **_named: Any) -> Iterator[None]:
    """Do nothing before and after the code."""
    yield


def _without_reentrant(run: Callable[..., Any], _preserve: bool = True, *args: Any, **kwargs: Any) -> Any:
    """Compute; torch 2.0 hands over a function that gives contexts before the arguments."""
    from torch.utils import checkpoint

    noop: Any = getattr(checkpoint, "noop_context_fn", None)
    return run(*(args[1:] if noop is not None else args), **kwargs)
