"""A quantised language model: learned steps, tied embeddings, checkpointed blocks."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


def round_pass(x):
    return (x.round() - x).detach() + x


def grad_scale(x, scale):
    y = x * scale
    return (x - y).detach() + y


class LsqQuantizer(nn.Module):
    def __init__(self, bits, start):
        super().__init__()
        self.low, self.high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.step_size = nn.Parameter(torch.tensor(start))

    def forward(self, x):
        s = grad_scale(self.step_size, 1.0 / math.sqrt(x.numel() * self.high))
        return round_pass((x / s).clamp(self.low, self.high)) * s


class QuantLinear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.quant_w = LsqQuantizer(4, 0.05)
        self.quant_a = LsqQuantizer(6, 0.1)

    def forward(self, x):
        return F.linear(self.quant_a(x), self.quant_w(self.weight), self.bias)


class MLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.up = QuantLinear(dim, 2 * dim)
        self.down = QuantLinear(2 * dim, dim)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = QuantLinear(dim, 3 * dim)
        self.proj = QuantLinear(dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.ln_2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class LM(nn.Module):
    def __init__(self, vocab=31, dim=16, depth=2):
        super().__init__()
        self.wte = nn.Embedding(vocab, dim)
        self.wpe = nn.Embedding(16, dim)
        self.h = nn.ModuleList(Block(dim, 2) for _ in range(depth))
        self.ln_f = nn.LayerNorm(dim)
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = checkpoint(block, x, use_reentrant=False)
        return self.lm_head(self.ln_f(x))


def build(seed=0):
    torch.manual_seed(seed)
    model = LM()
    batch = {"ids": torch.randint(0, 31, (2, 10), generator=torch.Generator().manual_seed(4))}

    def step(batch):
        logits = model(batch["ids"][:, :-1])
        return {"loss": F.cross_entropy(logits.transpose(1, 2), batch["ids"][:, 1:])}

    return {"modules": {"model": model}, "batch": batch, "step": step}
