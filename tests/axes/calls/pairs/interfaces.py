"""Blocks that take another kind of argument in the port: what to keep for what to leave out, angles, no causal mask, all tokens."""

from __future__ import annotations

from typing import Any

import torch
from pairs.pair import SIDE, Pair, activation, faults, linear, module
from torch import nn

ROWS, TOKENS = 4, 6


def left_out(port: bool, fault: str) -> nn.Module:
    """Return two blocks whose bias the reference makes of what is left out, where the port is handed what is kept."""

    def attended(self: Any, x: Any, values: Any, scores: Any) -> Any:
        return self.o(scores.softmax(-1) @ self.v(values))

    def additive(self: Any, x: Any, values: Any, bias: Any) -> Any:
        return attended(self, x, values, self.q(x) @ self.k(x).mT + bias)

    def boolean(self: Any, x: Any, values: Any, keep: Any) -> Any:
        return attended(self, x, values, (self.q(x) @ self.k(x).mT).masked_fill(~keep[:, None], -1e9))

    def block() -> nn.Module:
        def forward(self: Any, x: Any, mask: Any) -> Any:
            normed = self.norm(x)
            return x + self.attn(normed, normed if fault == "values" else x, mask)

        layers = {name: linear() for name in "qkvo"}
        return module(forward, norm=nn.LayerNorm(SIDE), attn=module(boolean if port else additive, **layers))

    def trunk(self: Any, x: Any, mask: Any) -> Any:
        bias = mask if port else torch.zeros(mask.shape).masked_fill(mask, -1e9)[:, None, :]
        return self.last(self.first(x, bias), bias)

    def forward(self: Any, x: Any) -> Any:
        padded = (torch.arange(TOKENS) >= 4).repeat(ROWS, 1)
        return self.head(self.trunk(x, ~padded if port else padded))

    return module(forward, trunk=module(trunk, first=block(), last=block()), head=linear())


def turned(port: bool, fault: str) -> nn.Module:
    """Return two blocks that are handed cosines, sines and a causal mask, and in the port angles alone."""
    half = SIDE // 2
    angles = torch.outer(torch.arange(TOKENS).float(), 10.0 ** -(torch.arange(half) / half))

    def turn(x: Any, cosines: Any, sines: Any) -> Any:
        swapped = torch.cat((-x[..., half:], x[..., :half]), -1)
        return x * cosines + swapped * sines

    def attended(self: Any, x: Any, cosines: Any, sines: Any, mask: Any) -> Any:
        q, k = turn(self.q(x), cosines, sines), turn(self.k(x), cosines, sines)
        scores = q @ k.mT * (1.0 if fault == "scale" else 0.35) + mask
        return x + self.o(scores.softmax(-1) @ self.v(x))

    def mine(self: Any, x: Any, angles: Any) -> Any:
        both = torch.cat((angles, angles), -1)
        return attended(self, x, both.cos(), both.sin(), torch.full((TOKENS, TOKENS), -1e9).triu(1))

    def block() -> nn.Module:
        return module(mine if port else attended, **{name: linear() for name in "qkvo"})

    def forward(self: Any, x: Any) -> Any:
        if port:
            x = self.last(self.first(x, angles * (1.1 if fault == "angles" else 1.0)), angles)
        else:
            both = torch.cat((angles, angles), -1)[None]
            given = both.cos(), both.sin(), torch.full((TOKENS, TOKENS), -1e9).triu(1)
            x = self.last(self.first(x, *given), *given)
        return self.head(x)

    return module(forward, first=block(), last=block(), head=linear())


def routed(port: bool, fault: str) -> nn.Module:
    """Return a mixture whose experts see their tokens alone, in the port all of them, beside a block."""

    def mixture(self: Any, x: Any) -> Any:
        flat = x.reshape(-1, SIDE)
        shares = self.gate(flat).softmax(-1)
        best, which = shares.max(-1)
        best = best if fault != "share" else best * 0.9
        if port:
            return sum(
                expert(flat) * (best * (which == n))[:, None] for n, expert in enumerate((self.e0, self.e1))
            ).reshape(x.shape)
        found = torch.zeros_like(flat)
        for n, expert in enumerate((self.e0, self.e1)):
            (rows,) = torch.where(which == n)
            found = found.index_add(0, rows, expert(flat[rows]) * best[rows, None])
        return found.reshape(x.shape)

    def expert() -> nn.Module:
        return module(lambda self, x: self.b(torch.relu(self.a(x))), a=linear(), b=linear())

    def forward(self: Any, x: Any) -> Any:
        return self.head(self.mix(self.block(x)))

    block = module(lambda self, x: x + self.act(self.fc(x)), fc=linear(), act=activation(wrong=fault == "act"))
    return module(
        forward, block=block, mix=module(mixture, gate=linear(SIDE, 2), e0=expert(), e1=expert()), head=linear()
    )


def held(port: bool, *, wrong: bool = False) -> nn.Module:
    """Return two blocks that are handed a causal mask, and in the port read the one that the net left for them."""
    kept: dict[str, Any] = {}

    def attended(self: Any, x: Any, mask: Any) -> Any:
        return x + self.o((self.q(x) @ self.k(x).mT + mask).softmax(-1) @ self.v(x))

    def mine(self: Any, x: Any) -> Any:
        return attended(self, x, kept["mask"])

    def forward(self: Any, x: Any) -> Any:
        mask = torch.full((TOKENS, TOKENS), -1e9).triu(1)
        if not port:
            return self.head(self.last(self.first(x, mask), mask))
        kept["mask"] = mask.mT if wrong else mask
        return self.head(self.last(self.first(x)))

    first, last = (module(mine if port else attended, **{name: linear() for name in "qkvo"}) for _ in range(2))
    return module(forward, first=first, last=last, head=linear())


PAIRS = [
    Pair("held_faithful", held),
    Pair("held_wrong", lambda p: held(p, wrong=True), faults("net"), enclosing=True),
    Pair("left_out_faithful", lambda p: left_out(p, "")),
    Pair(
        "left_out_values",
        lambda p: left_out(p, "values" if p else ""),
        faults("net.trunk.first", "net.trunk.last"),
    ),
    Pair("turned_faithful", lambda p: turned(p, "")),
    Pair("turned_scale", lambda p: turned(p, "scale" if p else ""), faults("net.first", "net.last")),
    Pair("turned_angles", lambda p: turned(p, "angles" if p else ""), faults("net"), enclosing=True),
    Pair("routed_faithful", lambda p: routed(p, "")),
    Pair("routed_share", lambda p: routed(p, "share" if p else ""), faults("net.mix")),
    Pair("routed_act", lambda p: routed(p, "act" if p else ""), faults("net.block.act")),
]
