"""Where each tensor of a port in C++ comes from: the variable that it is, or else the line that made it or wrote into it last.

What a statement reads is known by its operations, whatever names stand in it.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from .cpp_running import Running

At = Tuple[str, int]  # file, line


class Origin:
    """What made a tensor: a statement that ran, at a line; ``site`` is the variable that it is, "" where it has no name."""

    def __init__(self, running: Running, at: At, order: int, site: str = "") -> None:
        self.running = running
        self.at = at
        self.order = order
        self.site = site


class Flow:
    """Origins of tensors by their addresses, and what wrote into their memory last."""

    def __init__(self) -> None:
        self._origins: Dict[int, Origin] = {}
        self._written: Dict[int, Origin] = {}
        self._order = 0

    def made(self, address: int, running: Running, at: At, site: str = "") -> None:
        """Take note of who made a tensor, or that it is a variable's now."""
        self._order += 1
        self._origins[address] = Origin(running, at, self._order, site)

    def written(self, tensor: Any, running: Running, at: At) -> None:
        """Take note that something was written into a tensor in place: all that share its memory have another value."""
        self._order += 1
        memory = _memory(tensor)
        if memory:
            self._written[memory] = Origin(running, at, self._order)

    def origin(self, address: int, tensor: Any) -> Optional[Origin]:
        """Return where a tensor's value comes from, None for what was there before."""
        made, written = self._origins.get(address), self._written.get(_memory(tensor))
        return written if written is not None and (made is None or made.order < written.order) else made


def _memory(tensor: Any) -> int:
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (RuntimeError, NotImplementedError):  # a sparse one
        return 0
