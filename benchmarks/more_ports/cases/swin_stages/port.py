"""The Swin transformer on maps of B, H, W, C; masks are made where they are needed."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"
WINDOW = 4


def to_windows(x):
    b, h, w, c = x.shape
    x = x.unflatten(1, (h // WINDOW, WINDOW)).unflatten(3, (w // WINDOW, WINDOW))
    return x.transpose(2, 3).reshape(-1, WINDOW * WINDOW, c)


def from_windows(x, b, h, w):
    x = x.reshape(b, h // WINDOW, w // WINDOW, WINDOW, WINDOW, -1)
    return x.transpose(2, 3).reshape(b, h, w, -1)


def shifted_mask(h, w, shift):
    rows, cols = torch.zeros(h), torch.zeros(w)
    for line in (rows, cols):
        line[-WINDOW:-shift] = 1
        line[-shift:] = 2
    region = (3 * rows[:, None] + cols)[None, ..., None]
    region = to_windows(region).squeeze(-1)
    return region[:, :, None] == region[:, None, :]


def relative_index(size):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    y, x = y.flatten(), x.flatten()
    return (y[:, None] - y + size - 1) * (2 * size - 1) + (x[:, None] - x + size - 1)


class WindowAttention(nn.Module):
    def __init__(self, c, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(c, 3 * c)
        self.proj = nn.Linear(c, c)
        self.relative_position_bias_table = nn.Parameter(0.02 * torch.randn((2 * WINDOW - 1) ** 2, n_heads))
        self.register_buffer("relative_position_index", relative_index(WINDOW))

    def forward(self, x, same=None):
        q, k, v = (y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)[None]
        if same is not None:
            allowed = same.repeat(len(x) // len(same), 1, 1)[:, None]
            bias = bias.repeat(len(x), 1, 1, 1).masked_fill(~allowed, float("-inf"))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(y.transpose(1, 2).flatten(2))


class SwinBlock(nn.Module):
    def __init__(self, c, n_heads, shift):
        super().__init__()
        self.shift = shift
        self.norm1 = nn.LayerNorm(c)
        self.norm2 = nn.LayerNorm(c)
        self.attn = WindowAttention(c, n_heads)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(c, 2 * c))
        self.mlp.add_module("act", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(2 * c, c))

    def forward(self, x):
        b, h, w, c = x.shape
        y = self.norm1(x)
        same = None
        if self.shift:
            y = y.roll((-self.shift, -self.shift), dims=(1, 2))
            if FAULT not in ("mask", "two"):
                same = shifted_mask(h, w, self.shift)
        y = from_windows(self.attn(to_windows(y), same), b, h, w)
        if self.shift:
            y = y.roll((self.shift, self.shift), dims=(1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Merge(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.LayerNorm(4 * c)
        self.reduction = nn.Linear(4 * c, 2 * c, bias=False)

    def forward(self, x):
        b, h, w, c = x.shape
        x = x.view(b, h // 2, 2, w // 2, 2, c)
        if FAULT == "two":
            x = x.permute(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * c)
        else:
            x = x.permute(0, 1, 3, 4, 2, 5).reshape(b, h // 2, w // 2, 4 * c)
        return self.reduction(self.norm(x))


class Swin(nn.Module):
    def __init__(self, c=12, depths=(2, 4, 2), heads=(2, 3, 4), side=16, n_classes=6):
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, c, 2, 2), "norm": nn.LayerNorm(c)})
        self.stages = nn.ModuleList()
        self.merges = nn.ModuleList()
        for i, (n, h) in enumerate(zip(depths, heads)):
            shifted = side > WINDOW
            self.stages.append(nn.Sequential(*[SwinBlock(c, h, 2 * (j % 2) * shifted) for j in range(n)]))
            if i + 1 < len(depths):
                self.merges.append(Merge(c))
                c, side = 2 * c, side // 2
        self.norm = nn.LayerNorm(c)
        self.head = nn.Linear(c, n_classes)

    def forward(self, x):
        x = self.patch_embed["proj"](x).permute(0, 2, 3, 1)
        x = self.patch_embed["norm"](x)
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i < len(self.merges):
                x = self.merges[i](x)
        return self.head(self.norm(x).mean((1, 2)))


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = Swin()
    g = torch.Generator().manual_seed(3)
    batch = {"x": torch.randn(2, 3, 32, 32, generator=g), "y": torch.randint(0, 6, (2,), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
