"""A small diffusion U-Net; one activation is shared, the last convolutions start at zero."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def zero(module):
    for p in module.parameters():
        nn.init.zeros_(p)
    return module


def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat((args.cos(), args.sin()), -1)


class ResBlock(nn.Module):
    def __init__(self, inputs, outputs, emb, act, dropout=0.1):
        super().__init__()
        self.act = act
        self.norm1 = nn.GroupNorm(4, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.emb = nn.Linear(emb, 2 * outputs)
        self.norm2 = nn.GroupNorm(4, outputs)
        self.drop = nn.Dropout(dropout)
        self.conv2 = zero(nn.Conv2d(outputs, outputs, 3, 1, 1))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, emb):
        h = self.conv1(self.act(self.norm1(x)))
        scale, shift = self.emb(self.act(emb))[:, :, None, None].chunk(2, 1)
        h = self.norm2(h) * (1 + scale) + shift
        h = self.conv2(self.drop(self.act(h)))
        return self.skip(x) + h


class AttentionBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj = zero(nn.Conv1d(channels, channels, 1))

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x.flatten(2))).chunk(3, 1)
        weight = torch.einsum("bct,bcs->bts", q * c**-0.25, k * c**-0.25).softmax(-1)
        out = self.proj(torch.einsum("bts,bcs->bct", weight, v))
        return x + out.view(b, c, h, w)


class UNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        emb = 4 * width
        self.width = width
        self.act = nn.SiLU()
        self.time = nn.Sequential(nn.Linear(width, emb), self.act, nn.Linear(emb, emb))
        self.stem = nn.Conv2d(3, width, 3, 1, 1)
        self.down1 = ResBlock(width, width, emb, self.act)
        self.pool = nn.Conv2d(width, width, 3, 2, 1)
        self.down2 = ResBlock(width, 2 * width, emb, self.act)
        self.mid_attn = AttentionBlock(2 * width)
        self.mid = ResBlock(2 * width, 2 * width, emb, self.act)
        self.up2 = ResBlock(4 * width, width, emb, self.act)
        self.up1 = ResBlock(2 * width, width, emb, self.act)
        self.norm_out = nn.GroupNorm(4, width)
        self.conv_out = zero(nn.Conv2d(width, 3, 3, 1, 1))

    def forward(self, x, t):
        emb = self.time(timestep_embedding(t, self.width))
        x1 = self.down1(self.stem(x), emb)
        x2 = self.down2(self.pool(x1), emb)
        h = self.mid(self.mid_attn(x2), emb)
        h = self.up2(torch.cat((h, x2), 1), emb)
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        h = self.up1(torch.cat((h, x1), 1), emb)
        return self.conv_out(self.act(self.norm_out(h)))


def build(seed=0):
    torch.manual_seed(seed)
    net = UNet()
    betas = torch.linspace(1e-3, 0.2, 50)
    alphas_cumprod = torch.cumprod(1 - betas, 0)
    batch = {"x": torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(6)) * 2 - 1}

    def step(batch):
        torch.manual_seed(11)
        x0 = batch["x"]
        t = torch.randint(0, 50, (x0.shape[0],))
        noise = torch.randn_like(x0)
        a = alphas_cumprod[t].view(-1, 1, 1, 1)
        xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
        return {"loss": F.mse_loss(net(xt, t), noise)}

    return {"modules": {"net": net}, "batch": batch, "step": step}
