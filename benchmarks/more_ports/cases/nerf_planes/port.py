"""The radiance field on rays instead of flat points; rendering is a module."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


def fourier(x, n):
    scaled = x[..., None, :] * (torch.pi * 2 ** torch.arange(n))[:, None]
    waves = torch.stack([scaled.sin(), scaled.cos()], dim=-2)
    return torch.cat([x, waves.flatten(-3)], dim=-1)


class Planes(nn.Module):
    def __init__(self, c, n):
        super().__init__()
        self.corners = FAULT not in ("align", "two")
        self.planes = nn.Parameter(0.5 * torch.randn(3, c, n, n))

    def forward(self, xyz):
        x, y, z = xyz.unbind(-1)
        grid = torch.stack([torch.stack(pair, -1) for pair in ((x, y), (x, z), (y, z))])
        found = F.grid_sample(self.planes, grid, padding_mode="border", align_corners=self.corners)
        return found.sum(0).permute(1, 2, 0)


class RadianceField(nn.Module):
    def __init__(self, c=8, n=24):
        super().__init__()
        self.planes = Planes(c, 9)
        k = c + 21
        self.layers = nn.ModuleList([nn.Linear(k, n), nn.Linear(n, n), nn.Linear(n + k, n)])
        self.sigma = nn.Linear(n, 1)
        self.bottleneck = nn.Linear(n, n)
        self.rgb = nn.Sequential(nn.Linear(n + 15, 12), nn.ReLU(), nn.Linear(12, 3))

    def forward(self, xyz, view):
        x = torch.cat([self.planes(xyz), fourier(xyz, 3)], dim=-1)
        h = self.layers[1](self.layers[0](x).relu()).relu()
        h = self.layers[2](torch.cat([x, h], dim=-1)).relu()
        density = F.softplus(self.sigma(h).squeeze(-1) - 1.0)
        view = fourier(view, 2)[:, None].expand(-1, xyz.shape[1], -1)
        return density, self.rgb(torch.cat([self.bottleneck(h), view], dim=-1)).sigmoid()


class Renderer:
    def __init__(self, field, near, far, n):
        self.field, self.near, self.far, self.n = field, near, far, n

    def __call__(self, origins, directions):
        width = (self.far - self.near) / self.n
        start = self.near + width * torch.arange(self.n)
        t = start + width * torch.rand(len(origins), self.n)
        xyz = torch.addcmul(origins[:, None], directions[:, None], t[..., None])
        length = directions.norm(dim=-1, keepdim=True)
        density, colour = self.field(xyz, directions / length)
        gap = F.pad(t.diff(dim=1), (0, 1), value=1e10) * length
        optical = density * gap
        opacity = -torch.expm1(-optical)
        clear = torch.cumprod(1 - opacity + 1e-10, dim=1)
        if FAULT not in ("visible", "two"):
            clear = F.pad(clear[:, :-1], (1, 0), value=1.0)
        w = clear * opacity
        return (w[..., None] * colour).sum(1) + 1 - w.sum(1)[:, None], (w * t).sum(1), w, t


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    field = RadianceField()
    render = Renderer(field, 0.1, 1.5, 10)
    g = torch.Generator().manual_seed(17)
    batch = {
        "origins": torch.rand(12, 3, generator=g) * 0.4 - 0.2,
        "directions": torch.randn(12, 3, generator=g) * 0.4,
        "colours": torch.rand(12, 3, generator=g),
    }

    def step(batch):
        torch.manual_seed(5)
        colour, depth, w, t = render(batch["origins"], batch["directions"])
        mse = (colour - batch["colours"]).square().mean()
        spread = ((t - depth[:, None]).square() * w).sum(1).mean()
        return {"mse": mse, "distortion": spread, "loss": mse + spread / 100}

    return {"modules": {"field": field}, "batch": batch, "step": step}
