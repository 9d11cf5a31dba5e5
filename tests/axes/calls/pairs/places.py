"""Code that is a module of its own on one side alone, modules that are called in another order, other arguments."""

from __future__ import annotations

from typing import Any

import torch
from pairs.pair import SIDE, Pair, activation, faults, linear, module
from torch import nn
from torch.nn import functional

STEPS = 6  # of the recurrent net


def inlined(port: bool, fault: str) -> nn.Module:
    """Return a block with an attention, which the port computes in the block's own code."""

    def attention(self: Any, x: Any) -> Any:
        scale = 1.0 if port and fault == "scale" else SIDE**0.5
        weights = (self.q(x) @ self.k(x).transpose(-1, -2) / scale).softmax(-1)
        return self.o(weights @ self.v(x))

    layers = {name: linear() for name in "qkvo"}
    inside = layers if port else {"attn": module(attention, **layers)}

    def forward(self: Any, x: Any) -> Any:
        given = self.norm(x)
        return x + (attention(self, given) if port else self.attn(given))

    block = module(forward, norm=nn.LayerNorm(SIDE), **inside)
    act = activation(wrong=port and fault == "act")
    return module(lambda self, x: self.head(self.act(self.b(x))), b=block, act=act, head=linear())


def wrapped(port: bool, fault: str) -> nn.Module:
    """Return a block whose layers lie in a module of their own in the port."""

    def body(self: Any, x: Any) -> Any:
        hidden = self.fc2(self.act(self.fc1(x)))
        return hidden * 1.2 if port and fault == "own" else hidden

    layers = {"fc1": linear(), "act": activation(wrong=port and fault == "act"), "fc2": linear()}
    if port:
        block = module(lambda self, x: x + self.body(x), body=module(body, **layers))
    else:
        block = module(lambda self, x: x + body(self, x), **layers)
    return module(lambda self, x: self.head(self.b(x)), b=block, head=linear())


def shared(port: bool, fault: str) -> nn.Module:
    """Return a net that calls one activation twice, the port the other way round."""

    def forward(self: Any, x: Any) -> Any:
        made = {name: self.act(getattr(self, name)(x)) for name in (("fc2", "fc1") if port else ("fc1", "fc2"))}
        order = ("fc2", "fc1") if port and fault == "swap" else ("fc1", "fc2")
        return torch.cat([made[name] for name in order], -1)

    act = activation(wrong=port and fault in ("act", "both"))
    two = module(forward, fc1=linear(), fc2=linear(), act=act)
    factor = 1.1 if port and fault == "both" else 1.0
    return module(lambda self, x: self.head(self.two(x) * factor), two=two, head=linear(2 * SIDE, SIDE))


def recurrent(port: bool, fault: str) -> nn.Module:
    """Return a net with a cell whose arguments the port has the other way round."""

    def cell(self: Any, x: Any, h: Any) -> Any:
        return torch.tanh(self.i(x) + self.h(h) * (0.9 if port and fault == "own" else 1.0))

    def swapped(self: Any, h: Any, x: Any) -> Any:
        return cell(self, x, h)

    def forward(self: Any, x: Any) -> Any:
        hidden, given = torch.zeros(len(x), SIDE), []
        for t in range(STEPS):
            hidden = self.cell(hidden, x[:, t]) if port else self.cell(x[:, t], hidden)
            given.append(hidden)
        return self.head(torch.stack(given[::-1] if port and fault == "order" else given, 1))

    inner = module(swapped if port else cell, i=linear(), h=linear())
    return module(forward, cell=inner, head=linear())


def activated(port: bool, fault: str) -> nn.Module:
    """Return a net whose embedding is activated in each block that reads it, in the port where it is made."""

    def embed(self: Any, x: Any) -> Any:
        made = self.fc(x.mean(1, keepdim=True)) * (1.3 if port and fault == "embed" else 1.0)
        return functional.silu(made) if port else made

    def block(self: Any, x: Any, emb: Any) -> Any:
        shift = self.emb(emb if port else functional.silu(emb))
        hidden = self.fc1(x) + shift
        return x + self.fc2(hidden.relu() if port and fault == "block" else functional.gelu(hidden))

    def forward(self: Any, x: Any) -> Any:
        emb = self.embed(x)
        return self.head(self.b2(self.b1(x, emb), emb))

    blocks = {name: module(block, emb=linear(), fc1=linear(), fc2=linear()) for name in ("b1", "b2")}
    return module(forward, embed=module(embed, fc=linear()), head=linear(), **blocks)


INLINED = ((r"\.attn\.", "."),)
WRAPPED = ((r"\.b\.(fc1|fc2|act)", r".b.body.\1"),)
ACTS = ("net.two.act", "net.two.act#2")
BLOCKS = ("net.b1", "net.b2")
CELLS = ("net.cell", *(f"net.cell#{number}" for number in range(2, STEPS + 1)))
PAIRS = [
    Pair("inlined_faithful", lambda p: inlined(p, ""), (), INLINED),
    Pair("inlined_scale", lambda p: inlined(p, "scale"), faults("net.b"), INLINED),
    Pair("inlined_act", lambda p: inlined(p, "act"), faults("net.act"), INLINED),
    Pair("wrapped_faithful", lambda p: wrapped(p, ""), (), WRAPPED),
    Pair("wrapped_own", lambda p: wrapped(p, "own"), faults("net.b"), WRAPPED),
    Pair("wrapped_act", lambda p: wrapped(p, "act"), faults("net.b.act"), WRAPPED),
    Pair("shared_faithful", lambda p: shared(p, "")),
    Pair("shared_act", lambda p: shared(p, "act"), faults(*ACTS)),
    Pair("shared_swap", lambda p: shared(p, "swap"), faults("net.two")),
    Pair("shared_both", lambda p: shared(p, "both"), faults("net", *ACTS)),
    Pair("activated_faithful", lambda p: activated(p, "")),
    Pair("activated_block", lambda p: activated(p, "block"), faults(BLOCKS), enclosing=True),
    Pair("activated_embed", lambda p: activated(p, "embed"), faults("net.embed"), enclosing=True),
    Pair("arguments_swapped_faithful", lambda p: recurrent(p, "")),
    Pair("arguments_swapped_own", lambda p: recurrent(p, "own"), faults(*CELLS)),
    Pair("arguments_swapped_order", lambda p: recurrent(p, "order"), faults("net")),
]
