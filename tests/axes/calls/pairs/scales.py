"""Factors and constants that the port has on the other side of a call, and callers and callees that are both wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs.pair import SIDE, Pair, activation, faults, linear, module
from torch import nn
from torch.nn import functional

Values = Callable[[Any], Any]


def both(port: bool) -> nn.Module:
    """Return a caller that hands on the wrong thing to a callee that makes the wrong thing of it."""
    inner = module(lambda self, x: functional.silu(self.fc(x)) if port else functional.gelu(self.fc(x)), fc=linear())
    return module(lambda self, x: self.head(self.c(x * 2 if port else x)), c=inner, head=linear())


def both_with_a_leaf(port: bool) -> nn.Module:
    """Return the same where the callee is a layer."""
    factor = 2 if port else 1
    children = {"fc": linear(), "c": activation(wrong=port), "head": linear()}
    return module(lambda self, x: self.head(self.c(self.fc(x) * factor)), **children)


def moved(port: bool, *, factor: int = 2, wrong: bool = False) -> nn.Module:
    """Return a net whose factor lies in the caller in the port, where it is ``factor``."""

    def inside(self: Any, x: Any) -> Any:
        hidden = self.fc(x if port else 2 * x)
        return functional.silu(hidden) if wrong and port else functional.gelu(hidden)

    inner = module(inside, fc=linear())
    return module(lambda self, x: self.head(self.c(x * factor if port else x)), c=inner, head=linear())


def commuted(port: bool, *, wrong: bool = False) -> nn.Module:
    """Return a net that has its factor before a layer without bias in the port, and after it in the reference."""

    def forward(self: Any, x: Any) -> Any:
        return self.head(self.act(self.fc(x * 2) if port else self.fc(x) * 2))

    return module(forward, fc=linear(bias=False), act=activation(wrong=port and wrong), head=linear())


def constant(port: bool, *, wrong: bool = False) -> nn.Module:
    """Return a net that adds a constant before a batch norm in the port, where nothing feels it."""
    inner = module(lambda self, x: self.fc(x) + (0.3 if port else 0), fc=linear())

    def forward(self: Any, x: Any) -> Any:
        return self.head(self.act(self.bn(self.c(x).transpose(1, 2)).transpose(1, 2)))

    children = {"c": inner, "bn": nn.BatchNorm1d(SIDE), "act": activation(wrong=port and wrong), "head": linear()}
    return module(forward, **children)


def faint(port: bool, *, wrong: bool = False, constant: float = 10.0) -> nn.Module:
    """Return a net in which a layer makes little of what it is handed, and the block around it less; targets feel next to nothing."""

    def small(self: Any, x: Any) -> Any:
        return self.o(functional.gelu(self.fc(x)) * (1.005 if port and wrong else 1.0)) + constant

    inner = module(small, fc=linear(), o=linear())
    return module(
        lambda self, x: self.head(x + 0.01 * self.c(self.norm(x))), c=inner, norm=nn.LayerNorm(SIDE), head=linear()
    )


PAIRS = [
    Pair("faint_faithful", faint),
    Pair("faint_inside", lambda p: faint(p, wrong=True), faults("net.c")),
    Pair("fainter_faithful", lambda p: faint(p, constant=200.0)),
    Pair("fainter_inside", lambda p: faint(p, wrong=True, constant=200.0), faults("net.c")),
    Pair("caller_and_callee", both, faults(["net", "net.c"]), enclosing=True),
    Pair("caller_and_leaf", both_with_a_leaf, faults(["net", "net.c"]), enclosing=True),
    Pair("scale_moved", moved),
    Pair("scale_moved_caller", lambda p: moved(p, factor=3), faults("net"), enclosing=True),
    Pair("scale_moved_callee", lambda p: moved(p, wrong=True), faults("net.c"), enclosing=True),
    Pair("scale_after_linear", commuted),
    Pair("scale_after_linear_act", lambda p: commuted(p, wrong=True), faults("net.act")),
    Pair("constant_before_norm", constant),
    Pair("constant_before_norm_act", lambda p: constant(p, wrong=True), faults("net.act")),
]
