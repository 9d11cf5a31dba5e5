"""A radiance field on three planes, rendered along stratified samples."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, x):
        out = [x]
        for i in range(self.levels):
            out += [torch.sin(2.0**i * math.pi * x), torch.cos(2.0**i * math.pi * x)]
        return torch.cat(out, -1)


class TriPlane(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.planes = nn.Parameter(torch.randn(3, channels, size, size) * 0.5)

    def forward(self, points):
        out = 0
        for plane, axes in zip(self.planes, ((0, 1), (0, 2), (1, 2))):
            grid = points[:, axes][None, None]
            out = out + F.grid_sample(plane[None], grid, align_corners=True, padding_mode="border")[0, :, 0].t()
        return out


class Field(nn.Module):
    def __init__(self, channels=8, width=24, levels=3, view_levels=2):
        super().__init__()
        self.planes = TriPlane(channels, 9)
        self.encode = PositionalEncoding(levels)
        self.encode_view = PositionalEncoding(view_levels)
        inputs = channels + 3 * (1 + 2 * levels)
        self.layers = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width + inputs, width)])
        self.skip = 2
        self.sigma = nn.Linear(width, 1)
        self.bottleneck = nn.Linear(width, width)
        self.rgb = nn.Sequential(nn.Linear(width + 3 * (1 + 2 * view_levels), 12), nn.ReLU(), nn.Linear(12, 3))

    def forward(self, points, views):
        x = torch.cat((self.planes(points), self.encode(points)), -1)
        h = x
        for i, layer in enumerate(self.layers):
            if i == self.skip:
                h = torch.cat((x, h), -1)
            h = F.relu(layer(h))
        sigma = F.softplus(self.sigma(h) - 1)
        rgb = self.rgb(torch.cat((self.bottleneck(h), self.encode_view(views)), -1))
        return torch.sigmoid(rgb), sigma


def sample_along(origins, directions, near, far, count):
    edges = torch.linspace(near, far, count + 1)
    lower, upper = edges[:-1], edges[1:]
    t = lower + (upper - lower) * torch.rand(origins.shape[0], count)
    return t, origins[:, None] + directions[:, None] * t[..., None]


def composite(rgb, sigma, t, directions):
    dists = torch.cat((t[:, 1:] - t[:, :-1], torch.full_like(t[:, :1], 1e10)), -1)
    dists = dists * directions.norm(dim=-1, keepdim=True)
    alpha = 1 - torch.exp(-sigma * dists)
    trans = torch.cumprod(torch.cat((torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10), -1), -1)[:, :-1]
    weights = alpha * trans
    colour = (weights[..., None] * rgb).sum(1)
    depth = (weights * t).sum(1)
    return colour + (1 - weights.sum(1, keepdim=True)), depth, weights


def build(seed=0):
    torch.manual_seed(seed)
    field = Field()
    g = torch.Generator().manual_seed(17)
    batch = {
        "origins": torch.rand(12, 3, generator=g) * 0.4 - 0.2,
        "directions": torch.randn(12, 3, generator=g) * 0.4,
        "colours": torch.rand(12, 3, generator=g),
    }

    def step(batch):
        torch.manual_seed(5)
        t, points = sample_along(batch["origins"], batch["directions"], 0.1, 1.5, 10)
        views = F.normalize(batch["directions"], dim=-1)[:, None].expand_as(points)
        rgb, sigma = field(points.reshape(-1, 3), views.reshape(-1, 3))
        colour, depth, weights = composite(rgb.view(12, 10, 3), sigma.view(12, 10), t, batch["directions"])
        mse = F.mse_loss(colour, batch["colours"])
        spread = (weights * (t - depth[:, None]) ** 2).sum(1).mean()
        return {"mse": mse, "distortion": spread, "loss": mse + 0.01 * spread}

    return {"modules": {"field": field}, "batch": batch, "step": step}
