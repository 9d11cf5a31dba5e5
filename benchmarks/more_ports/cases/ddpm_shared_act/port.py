"""The diffusion U-Net: the embedding is activated once, for all blocks."""

import math

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class SinusoidalTime(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        freqs = torch.tensor(10000.0) ** (-torch.arange(half) / half)
        angles = torch.outer(t.float(), freqs)
        return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResBlock(nn.Module):
    def __init__(self, c_in, c_out, c_emb, groups=4, p=0.1):
        super().__init__()
        if FAULT == "drop":
            p = 0.2
        if FAULT == "two":
            groups = 2
        self.norm1 = nn.GroupNorm(groups, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.emb = nn.Linear(c_emb, 2 * c_out)
        self.norm2 = nn.GroupNorm(groups, c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.p = p
        if c_in != c_out:
            self.skip = nn.Conv2d(c_in, c_out, 1)
        for q in self.conv2.parameters():
            q.data.zero_()

    def forward(self, x, emb):
        scale, shift = self.emb(emb).unflatten(1, (2, -1)).unbind(1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = torch.addcmul(shift[..., None, None], self.norm2(h), 1 + scale[..., None, None])
        h = F.dropout(F.silu(h), self.p, self.training)
        h = self.conv2(h)
        return h + (self.skip(x) if hasattr(self, "skip") else x)


class SpatialAttention(nn.Module):
    def __init__(self, c, groups=4):
        super().__init__()
        self.norm = nn.GroupNorm(groups, c)
        self.qkv = nn.Conv1d(c, 3 * c, 1)
        self.proj = nn.Conv1d(c, c, 1)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, x):
        h = self.norm(x).flatten(2)
        q, k, v = (y.transpose(1, 2) for y in self.qkv(h).chunk(3, dim=1))
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return x + self.proj(h).view_as(x)


class UNet(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        e = 4 * c
        self.embed = SinusoidalTime(c)
        self.time = nn.Sequential(nn.Linear(c, e), nn.SiLU(), nn.Linear(e, e), nn.SiLU())
        self.stem = nn.Conv2d(3, c, 3, padding=1)
        self.down1 = ResBlock(c, c, e)
        self.pool = nn.Conv2d(c, c, 3, stride=2, padding=1)
        self.down2 = ResBlock(c, 2 * c, e)
        self.mid_attn = SpatialAttention(2 * c)
        self.mid = ResBlock(2 * c, 2 * c, e)
        self.up2 = ResBlock(4 * c, c, e)
        self.up1 = ResBlock(2 * c, c, e)
        self.norm_out = nn.GroupNorm(4, c)
        self.conv_out = nn.Conv2d(c, 3, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x, t):
        emb = self.time(self.embed(t))
        skips = [self.down1(self.stem(x), emb)]
        skips.append(self.down2(self.pool(skips[0]), emb))
        h = self.mid(self.mid_attn(skips[1]), emb)
        h = self.up2(torch.cat([h, skips.pop()], dim=1), emb)
        h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        h = self.up1(torch.cat([h, skips.pop()], dim=1), emb)
        return self.conv_out(F.silu(self.norm_out(h)))


class Schedule:
    def __init__(self, n=50):
        self.alpha_bar = (1 - torch.linspace(1e-3, 0.2, n)).cumprod(0)

    def q_sample(self, x0, t, noise):
        a = self.alpha_bar[t][:, None, None, None]
        if FAULT == "two":
            return a.sqrt() * x0 + (1 - a) * noise
        return a.sqrt() * x0 + (1 - a).sqrt() * noise


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = UNet()
    schedule = Schedule()
    batch = {"x": torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(6)) * 2 - 1}

    def step(batch):
        torch.manual_seed(11)
        x0 = batch["x"]
        t = torch.randint(50, (len(x0),))
        noise = torch.randn(x0.shape)
        pred = net(schedule.q_sample(x0, t, noise), t)
        return {"loss": (pred - noise).square().mean()}

    return {"modules": {"net": net}, "batch": batch, "step": step}
