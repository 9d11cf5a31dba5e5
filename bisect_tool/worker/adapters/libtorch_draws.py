"""The operations of libtorch that draw random numbers: the runtime hands them over, by the names that PyTorch has for them."""

from __future__ import annotations

from typing import Any, Callable, List

from .drawing import Drawing, in_place, plain_drawings, returned
from .torch_draws import IN_PLACE, RETURNED, masked, put

MASKS = ("dropout", "feature_dropout")
NAMES = (*RETURNED, *IN_PLACE, *MASKS)


class _Operations:
    """Functions by the names of operations: what is put here in their place is what a port calls."""


_running: List[Callable[..., Any]] = []  # the operation itself, while one is handed over


def draw(name: str, original: Callable[..., Any], *arguments: Any) -> Any:
    """Return what an operation that a port calls is to give; ``original`` is libtorch's own."""
    _running.append(original)
    try:
        return getattr(_Operations, name)(*arguments)
    finally:
        _running.pop()


def _plain(*arguments: Any, **_named: Any) -> Any:
    return _running[-1](*arguments)


for _name in NAMES:
    setattr(_Operations, _name, staticmethod(lambda *arguments, **named: _plain(*arguments, **named)))


def drawings() -> List[Drawing]:
    """Return the functions that draw random numbers. Not seen: what other operations draw inside (an LSTM's dropout)."""
    found = [Drawing(_Operations, name, returned(law)) for name, law in RETURNED.items()]
    found += [Drawing(_Operations, name, in_place(law, put)) for name, law in IN_PLACE.items()]
    return [*found, *(Drawing(_Operations, name, masked) for name in MASKS), *plain_drawings()]
