"""What a pair of nets is: a reference, a port of it, and what is true of the port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

SIDE = 8  # features of every layer that says no other
Forward = Callable[..., Any]


@dataclass(frozen=True)
class Pair:
    """A reference and its port.

    Attributes:
        name: as the test names it.
        net: builds either of them; it is told whether it is the port.
        faults: for each fault the pieces that may be said to hold it; none: the port is faithful.
        rules: rename rules.
        enclosing: whether values cannot tell the faulty pieces from some around them.
        run: what ``step`` makes the net give.

    """

    name: str
    net: Callable[[bool], nn.Module]
    faults: tuple[frozenset[str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    enclosing: bool = False
    run: Callable[..., Any] = lambda net, x, port: net(x)

    def build(self, *, port: bool) -> Callable[..., dict[str, Any]]:
        """Return the recipe's ``build`` of one side."""
        return lambda seed=0: _built(self, port, seed)


def faults(*pieces: str | Iterable[str]) -> tuple[frozenset[str], ...]:
    """Return faults, each by its piece, or by the pieces that may be said to hold it."""
    return tuple(frozenset([one] if isinstance(one, str) else one) for one in pieces)


def module(forward: Forward, **children: Any) -> nn.Module:
    """Return a module whose code is ``forward``, with some modules, parameters or plain values of its own."""

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, child in children.items():
                setattr(self, name, child)

    Module.forward = forward  # type: ignore[method-assign]  # with the names of its arguments
    Module.__name__ = f"Module of {forward.__name__}"  # calls of one class are of one kind
    return Module()


def linear(inputs: int = SIDE, outputs: int = SIDE, **settings: Any) -> nn.Linear:
    """Return a linear layer."""
    return nn.Linear(inputs, outputs, **settings)


def activation(*, wrong: bool) -> nn.Module:
    """Return the reference's activation, or another one."""
    return nn.SiLU() if wrong else nn.GELU()


def _built(pair: Pair, port: bool, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    net = pair.net(port)
    generator = torch.Generator().manual_seed(5)
    batch = {"x": torch.randn(4, 6, SIDE, generator=generator), "y": torch.tensor([0, 1, 2, 3])}

    def step(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        logits = pair.run(net, given["x"], port=port).reshape(4, -1)[:, :5]
        return {"loss": functional.cross_entropy(logits, given["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
