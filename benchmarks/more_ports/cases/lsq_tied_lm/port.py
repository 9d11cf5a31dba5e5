"""The quantised language model without checkpoints; the output uses the embedding's weight itself."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


def ste_round(x):
    if FAULT in ("ste", "two"):
        return x.detach() + (x.round() - x)
    return x + (x.round() - x).detach()


class Quantizer(nn.Module):
    def __init__(self, n_bits, init):
        super().__init__()
        self.step_size = nn.Parameter(torch.tensor(init))
        self.top = 2 ** (n_bits - 1) - 1

    def forward(self, x):
        g = (x.numel() * self.top) ** -0.5
        s = self.step_size * g + (self.step_size * (1 - g)).detach()
        return s * ste_round(torch.clamp(x / s, -self.top - 1, self.top))


class QLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-(n_in**-0.5), n_in**-0.5))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-(n_in**-0.5), n_in**-0.5))
        self.quant_w = Quantizer(4, 0.05)
        self.quant_a = Quantizer(6, 0.1)

    def forward(self, x):
        return self.quant_a(x) @ self.quant_w(self.weight).t() + self.bias


class Attention(nn.Module):
    def __init__(self, c, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.qkv, self.proj = QLinear(c, 3 * c), QLinear(c, c)

    def forward(self, x):
        t = x.shape[1]
        q, k, v = (y.unflatten(2, (self.n_heads, -1)).transpose(1, 2) for y in self.qkv(x).chunk(3, 2))
        score = q @ k.mT / q.shape[-1] ** 0.5
        score = score.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        return self.proj((score.softmax(-1) @ v).transpose(1, 2).flatten(2))


class MLP(nn.Sequential):
    def __init__(self, c):
        super().__init__()
        self.up = QLinear(c, 2 * c)
        self.act = nn.GELU()
        self.down = QLinear(2 * c, c)


class Block(nn.Module):
    def __init__(self, c, n_heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attn, self.mlp = Attention(c, n_heads), MLP(c)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class LM(nn.Module):
    def __init__(self, n_vocab=31, c=16, depth=2):
        super().__init__()
        self.wte = nn.Embedding(n_vocab, c)
        self.wpe = nn.Embedding(16, c)
        self.h = nn.Sequential(*[Block(c, 2) for _ in range(depth)])
        self.ln_f = nn.LayerNorm(c)
        self.lm_head = nn.Linear(c, n_vocab, bias=False)
        if FAULT in ("untied", "two"):
            self.lm_head.weight.data.copy_(self.wte.weight)
        else:
            self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        return self.lm_head(self.ln_f(self.h(x)))


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = LM()
    batch = {"ids": torch.randint(0, 31, (2, 10), generator=torch.Generator().manual_seed(4))}

    def step(batch):
        ids, labels = batch["ids"][:, :-1], batch["ids"][:, 1:]
        return {"loss": F.cross_entropy(model(ids).flatten(0, 1), labels.flatten())}

    return {"modules": {"model": model}, "batch": batch, "step": step}
