"""The CaiT with one block class for both kinds of attention."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


def heads_of(x, n):
    return x.unflatten(-1, (n, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    def __init__(self, c, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(c, 3 * c)
        self.proj = nn.Linear(c, c)

    def forward(self, x):
        q, k, v = (heads_of(y, self.n_heads) for y in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).flatten(2))


class ClassAttention(nn.Module):
    def __init__(self, c, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.scale = c**-0.5 if FAULT == "both" else (c / n_heads) ** -0.5
        self.q, self.k, self.v = nn.Linear(c, c), nn.Linear(c, c), nn.Linear(c, c)
        self.proj = nn.Linear(c, c)

    def forward(self, x):
        q = heads_of(self.q(x[:, :1]), self.n_heads)
        k, v = heads_of(self.k(x), self.n_heads), heads_of(self.v(x), self.n_heads)
        y = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.proj(y.transpose(1, 2).flatten(2))


class Mlp(nn.Sequential):
    def __init__(self, c, hidden):
        super().__init__()
        self.fc1 = nn.Linear(c, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, c)


class Block(nn.Module):
    def __init__(self, c, attention, init=1e-4):
        super().__init__()
        self.attn = attention
        self.mlp = Mlp(c, 2 * c)
        self.norm1, self.norm2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.gamma_1 = nn.Parameter(torch.full((c,), init))
        self.gamma_2 = nn.Parameter(torch.full((c,), init))

    def forward(self, x, context=None):
        seen = x if context is None else torch.cat([x, context], dim=1)
        x = x + self.attn(self.norm1(seen)) * self.gamma_1
        return x + self.mlp(self.norm2(x)) * self.gamma_2


def init_weights(net):
    for name, p in net.named_parameters():
        if p.ndim == 2:
            if FAULT == "start":
                nn.init.trunc_normal_(p.data.clone(), std=0.02)
            else:
                nn.init.trunc_normal_(p, std=0.02)
        elif name.endswith("bias") and not name.startswith("patch_embed"):
            nn.init.zeros_(p)


class CaiT(nn.Module):
    def __init__(self, c=24, n_heads=3, depth=2, n_classes=5):
        super().__init__()
        init = 0.01 if FAULT == "start" else 1e-4
        self.patch_embed = nn.Conv2d(3, c, kernel_size=4, stride=4)
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 16, c), std=0.02))
        self.cls_token = nn.Parameter(torch.ones(1, 1, c) if FAULT == "both" else torch.zeros(1, 1, c))
        self.blocks = nn.ModuleList([Block(c, SelfAttention(c, n_heads), init) for _ in range(depth)])
        self.blocks_token = nn.ModuleList([Block(c, ClassAttention(c, n_heads), init) for _ in range(2)])
        self.norm = nn.LayerNorm(c)
        self.head = nn.Linear(c, n_classes)
        init_weights(self)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).mT + self.pos_embed
        for block in self.blocks:
            x = block(x)
        token = self.cls_token.repeat(len(x), 1, 1)
        for block in self.blocks_token:
            token = block(token, x)
        return self.head(self.norm(token[:, 0]))


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = CaiT()
    g = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(3, 3, 16, 16, generator=g), "y": torch.randint(0, 5, (3,), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
