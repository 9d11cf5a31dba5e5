"""Values that the port has in another layout or structure, ones that nobody reads, and masks."""

from __future__ import annotations

from typing import Any

import torch
from pairs.pair import SIDE, Pair, activation, faults, linear, module
from torch import nn


def channels_last(port: bool, fault: str) -> nn.Module:
    """Return a net of convolutions, between which the port has the channels last."""

    def stage(self: Any, x: Any) -> Any:
        x = self.act(self.c1(x.permute(0, 3, 1, 2) if port else x))
        x = self.c2(x.roll(1, 2) if port and fault == "roll" else x)
        return x.permute(0, 2, 3, 1) if port else x

    def forward(self: Any, x: Any) -> Any:
        x = x.reshape(4, 6, 4, 2)
        if not port:
            return self.head(self.stage(x).flatten(1))
        return self.head(self.stage(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).flatten(1))

    layers = {"c1": nn.Conv2d(6, 7, 3, padding=1), "c2": nn.Conv2d(7, 5, 3, padding=1)}
    inner = module(stage, act=activation(wrong=port and fault == "act"), **layers)
    return module(forward, stage=inner, head=linear(40, SIDE))


def structured(port: bool, fault: str) -> nn.Module:
    """Return a net whose gate gives its weights too in the reference."""

    def gate(self: Any, x: Any) -> Any:
        weights = self.q(x).softmax(-1) * (1.1 if port and fault == "own" else 1.0)
        given = self.o(weights * x)
        return given if port else (given, weights)

    def forward(self: Any, x: Any) -> Any:
        given = self.a(x)
        return self.head(self.act(given if port else given[0]))

    inner = module(gate, q=linear(), o=linear())
    return module(forward, a=inner, act=activation(wrong=port and fault == "act"), head=linear())


def unused(port: bool, *, moved: bool) -> nn.Module:
    """Return a net with a wrong branch that nobody reads, beside a residual that is moved or not."""
    branch = module(lambda self, x: self.fc(x) * (1.3 if port else 1), fc=linear())

    def forward(self: Any, x: Any) -> Any:
        self.aux(x)
        given = self.b(x) if moved else x
        return self.head(given + x if moved and port else given)

    block = module(lambda self, x: self.fc(x) if port else self.fc(x) + x, fc=linear())
    return module(forward, aux=branch, head=linear(), **({"b": block} if moved else {}))


def ignored(port: bool, *, wrong: bool) -> nn.Module:
    """Return a net that computes rows which nobody reads, and which are others in the port."""

    def rows(self: Any, x: Any) -> Any:
        given = self.fc(x)
        return torch.cat([given[:, :4], given[:, 4:] * (0 if port else 1)], 1)

    inner = module(rows, fc=linear())
    act = activation(wrong=port and wrong)
    return module(lambda self, x: self.head(self.act(self.a(x)[:, :4])), a=inner, act=act, head=linear())


def masked(port: bool) -> nn.Module:
    """Return a net that makes masks in a module of their own, each too long by one in the port."""

    def mask(_self: Any, x: Any, number: int) -> Any:
        places = torch.arange(6)[None, :, None]
        return (places < 3 + number + port).to(x.dtype).expand(4, 6, 1)

    def block() -> nn.Module:
        return module(lambda self, x, mask: x + self.fc(x) * mask, fc=linear())

    def forward(self: Any, x: Any) -> Any:
        return self.head(self.b2(self.b1(x, self.m(x, 1)), self.m(x, 2)))

    return module(forward, b1=block(), b2=block(), m=module(mask), head=linear())


def kept(port: bool, fault: str) -> nn.Module:
    """Return two blocks that add a mask to what they attend by, which the port has as what is kept."""

    def attended(self: Any, x: Any, scores: Any) -> Any:
        return self.o(scores.softmax(-1) @ x)

    def additive(self: Any, x: Any, bias: Any) -> Any:
        return attended(self, x, self.q(x) @ self.k(x).mT + bias)

    def boolean(self: Any, x: Any, keep: Any) -> Any:
        return attended(self, x, (self.q(x) @ self.k(x).mT).masked_fill(~keep, -1e9))

    def block(*, last: bool) -> nn.Module:
        def forward(self: Any, x: Any, mask: Any) -> Any:
            return x + self.attn(self.norm(x), ~mask if last and fault == "negated" else mask)

        layers = {name: linear() for name in "qko"}
        return module(forward, norm=nn.LayerNorm(SIDE), attn=module(boolean if port else additive, **layers))

    def forward(self: Any, x: Any) -> Any:
        keep = (torch.arange(6) < 4).expand(4, 6, 6)
        mask = keep if port else torch.zeros(4, 6, 6).masked_fill(~keep, -1e9)
        return self.head(self.last(self.first(x, mask), mask))

    return module(forward, first=block(last=False), last=block(last=True), head=linear())


PAIRS = [
    Pair("kept_faithful", lambda p: kept(p, "")),
    Pair("kept_negated", lambda p: kept(p, "negated" if p else ""), faults("net.last"), enclosing=True),
    Pair("channels_last_faithful", lambda p: channels_last(p, "")),
    Pair("channels_last_act", lambda p: channels_last(p, "act"), faults("net.stage.act")),
    Pair("channels_last_roll", lambda p: channels_last(p, "roll"), faults("net.stage")),
    Pair("other_structure_faithful", lambda p: structured(p, "")),
    Pair("other_structure_own", lambda p: structured(p, "own"), faults("net.a")),
    Pair("other_structure_act", lambda p: structured(p, "act"), faults("net.act")),
    Pair("unused_branch", lambda p: unused(p, moved=False), faults("net.aux")),
    Pair("unused_branch_beside_moved", lambda p: unused(p, moved=True), faults("net.aux")),
    Pair("ignored_rows", lambda p: ignored(p, wrong=False)),
    Pair("ignored_rows_act", lambda p: ignored(p, wrong=True), faults("net.act")),
    Pair("mask", masked, faults("net.m", "net.m#2")),
]
