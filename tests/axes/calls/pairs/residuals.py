"""Blocks that add what they are given to what they compute, and ports in which the caller does so."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pairs.pair import Pair, activation, faults, linear, module
from torch import nn
from torch.nn import functional


def blocks(
    port: bool,
    *,
    count: int = 3,
    acts: Collection[int] = (),
    scaled: Collection[int] = (),
    forgotten: Collection[int] = (),
    missing: Collection[int] = (),
) -> nn.Module:
    """Return blocks whose residual lies in the caller in the port.

    In the port ``acts`` have another activation, ``scaled`` another scale in their own code, and the residual of
    ``forgotten`` is left out; in ``missing`` the port's block, which keeps its residual, lost it.
    """
    moved = port and not missing

    def block(number: int) -> nn.Module:
        def forward(self: Any, x: Any) -> Any:
            hidden = self.fc2(self.act(self.fc1(x)))
            if port and number in scaled:
                hidden = hidden * 1.5
            return hidden if moved or (port and number in missing) else x + hidden

        return module(forward, fc1=linear(), act=activation(wrong=port and number in acts), fc2=linear())

    def forward(self: Any, x: Any) -> Any:
        for number, inner in enumerate(self.blocks):
            given = inner(x)
            x = x + given if moved and number not in forgotten else given
        return self.head(x)

    return module(forward, blocks=nn.ModuleList(block(number) for number in range(count)), head=linear())


def with_functions(port: bool, *, wrong: int) -> nn.Module:
    """Return blocks whose residual lies in the caller in the port, and whose activation is a function, another one in one of them."""

    def block(number: int) -> nn.Module:
        act = functional.silu if port and number == wrong else functional.gelu

        def forward(self: Any, x: Any) -> Any:
            hidden = self.fc2(act(self.fc1(x)))
            return hidden if port else x + hidden

        return module(forward, fc1=linear(), fc2=linear())

    def forward(self: Any, x: Any) -> Any:
        for inner in self.blocks:
            x = x + inner(x) if port else inner(x)
        return self.head(x)

    return module(forward, blocks=nn.ModuleList(block(number) for number in range(3)), head=linear())


def nested(port: bool, *, between: bool) -> nn.Module:
    """Return calls in each other with a fault in the innermost, and one in the code of the outermost."""
    inner = module(lambda self, x: self.act(self.fc(x)) + x, fc=linear(), act=activation(wrong=port))
    middle = module(lambda self, x: self.k(x) + 1, k=inner)
    scale = 2.0 if port else 1.0
    outer = module(lambda self, x: self.k(x) * scale, k=middle if between else inner)
    return module(lambda self, x: self.head(self.c(x)), c=outer, head=linear())


def before_a_detour(port: bool, *, scaled: bool = True) -> nn.Module:
    """Return a block whose residual moved, and whose scale is wrong, before a call that is only written otherwise.

    That one adds a constant to what it hands its softmax, which does not feel it.
    """

    def block(self: Any, x: Any) -> Any:
        hidden = self.fc2(self.act(self.fc1(x))) * (1.5 if port and scaled else 1.0)
        return hidden if port else x + hidden

    def forward(self: Any, x: Any) -> Any:
        given = self.block(x)
        return self.head(self.detour(self.act(x + given if port else given)))

    first = module(block, fc1=linear(), act=activation(wrong=False), fc2=linear())
    shift = 1.0 if port else 0.0
    second = module(lambda self, x: self.weigh(self.fc(x) + shift) * x, fc=linear(), weigh=nn.Softmax(-1))
    return module(forward, block=first, act=activation(wrong=False), detour=second, head=linear())


PAIRS = [
    Pair("residual_moved_own_before_a_detour", before_a_detour, faults(["net", "net.block"]), enclosing=True),
    Pair("residual_moved_before_a_detour", lambda p: before_a_detour(p, scaled=False)),
    Pair("residual_moved", blocks),
    Pair("residual_moved_act", lambda p: blocks(p, acts=[1]), faults("net.blocks.1.act")),
    Pair("residual_moved_own", lambda p: blocks(p, scaled=[1]), faults("net.blocks.1"), enclosing=True),
    Pair(
        "residual_moved_act_and_own",
        lambda p: blocks(p, acts=[1], scaled=[1]),
        faults("net.blocks.1.act", "net.blocks.1"),
        enclosing=True,
    ),
    Pair(
        "residual_moved_12_two_acts",
        lambda p: blocks(p, count=12, acts=[3, 7]),
        faults("net.blocks.3.act", "net.blocks.7.act"),
    ),
    Pair(
        "residual_moved_12_act_and_own",
        lambda p: blocks(p, count=12, acts=[3], scaled=[7]),
        faults("net.blocks.3.act", "net.blocks.7"),
        enclosing=True,
    ),
    Pair(
        "residual_moved_one_forgotten",
        lambda p: blocks(p, forgotten=[1]),
        faults(["net", "net.blocks.1"]),
        enclosing=True,
    ),
    Pair("residual_moved_function", lambda p: with_functions(p, wrong=1), faults("net.blocks.1")),
    Pair("residual_missing", lambda p: blocks(p, missing=[1]), faults("net.blocks.1")),
    Pair("two_depths", lambda p: nested(p, between=False), faults("net.c", "net.c.k.act")),
    Pair("two_depths_one_between", lambda p: nested(p, between=True), faults("net.c", "net.c.k.k.act")),
]
