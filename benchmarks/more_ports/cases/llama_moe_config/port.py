"""The Mixtral without a config object; layers are handed angles."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x / (x.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight


def rotate(x, angles):
    a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    c, s = angles.cos(), angles.sin()
    return torch.cat([a * c - b * s, b * c + a * s], dim=-1)


class Attention(nn.Module):
    def __init__(self, dim, n_heads, n_kv_heads):
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head_dim = n_heads, n_kv_heads, dim // n_heads
        self.wq = nn.Linear(dim, n_heads * self.head_dim, bias=False)
        self.wk = nn.Linear(dim, n_kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(dim, n_kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(n_heads * self.head_dim, dim, bias=False)

    def forward(self, x, angles):
        b, t, _ = x.shape
        q = rotate(self.wq(x).view(b, t, self.n_heads, self.head_dim).transpose(1, 2), angles)
        k = rotate(self.wk(x).view(b, t, self.n_kv_heads, self.head_dim).transpose(1, 2), angles)
        v = self.wv(x).view(b, t, self.n_kv_heads, self.head_dim).transpose(1, 2)
        n_rep = self.n_heads // self.n_kv_heads
        if FAULT in ("kv_repeat", "two"):
            k, v = k.repeat(1, n_rep, 1, 1), v.repeat(1, n_rep, 1, 1)
        else:
            k = k[:, :, None].expand(-1, -1, n_rep, -1, -1).flatten(1, 2)
            v = v[:, :, None].expand(-1, -1, n_rep, -1, -1).flatten(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.wo(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w1 = nn.Linear(dim, hidden, bias=False)
        self.w3 = nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class MoE(nn.Module):
    """Every expert sees every token; the gate's zeros select."""

    def __init__(self, dim, hidden, n_experts, k):
        super().__init__()
        self.k = k
        self.gate = nn.Linear(dim, n_experts, bias=False)
        self.experts = nn.ModuleList([FeedForward(dim, hidden) for _ in range(n_experts)])

    def forward(self, x):
        router = self.gate(x)
        p = F.softmax(router, dim=-1)
        best, which = p.topk(self.k)
        if FAULT != "two":
            best = best / best.sum(-1, keepdim=True)
        gates = torch.zeros_like(p).scatter(-1, which, best)
        y = sum(gates[..., i : i + 1] * expert(x) for i, expert in enumerate(self.experts))
        return y, router


class Block(nn.Module):
    def __init__(self, dim, hidden, n_heads, n_kv_heads, n_experts, k, eps):
        super().__init__()
        self.attention_norm = RMSNorm(dim, eps)
        self.attention = Attention(dim, n_heads, n_kv_heads)
        self.ffn_norm = RMSNorm(dim, eps)
        self.moe = MoE(dim, hidden, n_experts, k)

    def forward(self, x, angles):
        x = x + self.attention(self.attention_norm(x), angles)
        y, router = self.moe(self.ffn_norm(x))
        return x + y, router


class Mixtral(nn.Module):
    def __init__(self, vocab=53, dim=32, hidden=40, n_layers=2, n_heads=4, n_kv_heads=2, n_experts=4, k=2, eps=1e-5, theta=1e4):
        super().__init__()
        self.n_experts, self.k = n_experts, k
        self.embed_tokens = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList([Block(dim, hidden, n_heads, n_kv_heads, n_experts, k, eps) for _ in range(n_layers)])
        self.norm = RMSNorm(dim, eps)
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        half = dim // n_heads // 2
        self.freqs = theta ** -(torch.arange(half) / half)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        angles = torch.outer(torch.arange(tokens.shape[1]).float(), self.freqs)
        balance = []
        for layer in self.layers:
            x, router = layer(x, angles)
            balance.append(router)
        return self.lm_head(self.norm(x)), torch.stack(balance)


def balance_loss(routers, n_experts, k):
    p = routers.softmax(-1).flatten(0, -2)
    used = torch.zeros(len(p), k, n_experts).scatter_(2, p.topk(k).indices[..., None], 1.0)
    return n_experts * (used.mean(0) * p.mean(0)).sum()


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = Mixtral()
    ids = torch.randint(0, 53, (2, 13), generator=torch.Generator().manual_seed(3))

    def step(batch):
        tokens, labels = batch["ids"][:, :-1], batch["ids"][:, 1:]
        logits, routers = model(tokens)
        loss = F.cross_entropy(logits.transpose(1, 2), labels)
        return {"lm_loss": loss, "aux_loss": balance_loss(routers, model.n_experts, model.k)}

    return {"modules": {"model": model}, "batch": {"ids": ids}, "step": step}
