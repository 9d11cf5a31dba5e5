"""Ports in C++ as ``adapter`` asks: their tensors and graphs are PyTorch's, of the same process; their modules are not."""

from __future__ import annotations

from . import (
    libtorch_code,
    libtorch_draws,
    libtorch_entry,
    libtorch_hidden,
    libtorch_modules,
    libtorch_optimizer,
    torch_adapter,
)
from .torch_adapter import *  # noqa: F403

FRAMEWORK = "libtorch"
# Of statements: a variable that nobody sees would let another line be blamed for it. What an expression is, no operation tells.
LACKS = frozenset({"statements", "expressions"})

__all__ = torch_adapter.__all__

drawings = libtorch_draws.drawings
hidden = libtorch_hidden.hidden
hold = libtorch_modules.hold
in_float64 = libtorch_modules.in_float64
is_optimizer = libtorch_optimizer.is_optimizer
load_entry = libtorch_entry.load_entry
looking_at = libtorch_modules.looking_at
optimizer_groups = libtorch_optimizer.optimizer_groups
optimizer_state = libtorch_optimizer.optimizer_state
optimizer_steps = libtorch_optimizer.optimizer_steps
put_optimizer_back = libtorch_optimizer.put_optimizer_back
settings = libtorch_modules.settings
watcher = libtorch_code.watcher
