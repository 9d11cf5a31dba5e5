"""Norms at the head of a block in the reference, and in the caller of it in the port; gates that are zero at the start."""

from __future__ import annotations

from typing import Any

import torch
from pairs.pair import SIDE, Pair, activation, faults, linear, module
from torch import nn

WRONG_EPS = 1e-2
IN_SEQUENCE = (
    (r"\.ff\.0(\.|$)", r".norm\1"),
    (r"\.ff\.1(\.|$)", r".ff.0\1"),
    (r"\.ff\.2(\.|$)", r".ff.1\1"),
    (r"\.ff\.3(\.|$)", r".ff.2\1"),
)
IN_LEVELS = (
    (r"^net\.c\.inner\.inner\.norm", "net.c.inner.pre"),
    (r"^net\.c\.inner\.norm", "net.c.pre"),
    (r"^net\.c\.norm", "net.pre"),
)


def gated(port: bool, gate: float, fault: str) -> nn.Module:
    """Return two blocks that add a gated part, whose norm the port has beside it."""

    def block() -> nn.Module:
        gamma = nn.Parameter(gate * torch.ones(SIDE))
        if not port:
            inner = nn.Sequential(nn.LayerNorm(SIDE), linear(), nn.GELU(), linear())
            return module(lambda self, x: x + self.gamma * self.ff(x), ff=inner, gamma=gamma)
        norm = nn.LayerNorm(SIDE, eps=WRONG_EPS if fault == "eps" else 1e-5)
        inner = nn.Sequential(linear(), activation(wrong=fault == "act"), linear())
        scale = 0.5 if fault == "own" else 1.0

        def forward(self: Any, x: Any) -> Any:
            return x + scale * self.gamma * self.ff(x if fault == "forgotten" else self.norm(x))

        return module(forward, norm=norm, ff=inner, gamma=gamma)

    return module(lambda self, x: self.head(self.blocks(x)), blocks=nn.Sequential(block(), block()), head=linear())


def levels(port: bool, fault: str) -> nn.Module:
    """Return three levels in each other, each with a norm of its own that the port has one level further out."""

    def level(number: int, inner: nn.Module, norm: nn.Module | None) -> nn.Module:
        def forward(self: Any, x: Any) -> Any:
            x = x if port else self.norm(x)
            y = self.inner(self.pre(x) if port and norm is not None else x)
            return x + (y * 1.3 if port and fault == f"own{number}" else y)

        place = {"pre" if port else "norm": norm} if norm is not None else {}
        return module(forward, inner=inner, **place)

    def norm(number: int) -> nn.Module:
        return nn.LayerNorm(SIDE, eps=WRONG_EPS if port and fault == "eps" and number == 2 else 1e-5)

    found = module(lambda self, x: self.act(self.fc(x)), fc=linear(), act=activation(wrong=port and fault == "act"))
    for number in (2, 1, 0):
        inside = (norm(number + 1) if number < 2 else None) if port else norm(number)
        found = level(number, found, inside)
    if not port:
        return module(lambda self, x: self.head(self.c(x)), c=found, head=linear())
    return module(lambda self, x: self.head(self.c(self.pre(x))), c=found, pre=norm(0), head=linear())


def _gated(fault: str, *pieces: Any, enclosing: bool = False) -> list[Pair]:
    return [
        Pair(
            f"norm_moved_{fault}_gate_{gate:g}",
            lambda p, gate=gate: gated(p, gate, fault),  # type: ignore[misc]
            faults(*pieces),
            IN_SEQUENCE,
            enclosing,
        )
        for gate in (1.0, 0.0)
    ]


def _levels(fault: str, *pieces: str, enclosing: bool = False) -> Pair:
    return Pair(f"norms_in_levels_{fault}", lambda p: levels(p, fault), faults(*pieces), IN_LEVELS, enclosing)


BLOCKS = ("net.blocks.0", "net.blocks.1")
PAIRS = [
    *_gated("faithful"),
    *_gated("eps", *(f"{block}.ff.0" for block in BLOCKS)),
    *_gated("act", *(f"{block}.ff.2" for block in BLOCKS)),
    *_gated("own", *BLOCKS, enclosing=True),
    *_gated("forgotten", *([block, f"{block}.ff"] for block in BLOCKS)),
    _levels("faithful"),
    _levels("act", "net.c.inner.inner.inner.act"),
    _levels("own0", "net.c", enclosing=True),
    _levels("own1", "net.c.inner", enclosing=True),
    _levels("own2", "net.c.inner.inner", enclosing=True),
    _levels("eps", "net.c.inner.inner.norm"),
]
