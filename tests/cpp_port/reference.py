"""What src/*.cpp are a port of: a net that finds where spans start and end in a signal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


class ScaledTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        ctx.scale = scale
        return scale * y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (1 - y * y) * ctx.scale, None


class Encoder(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.conv = nn.Conv1d(inputs, width, 3, padding=1)
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x, mask=None):
        y = self.norm(self.conv(x))
        y = F.gelu(y)
        if mask is not None:
            y = y * mask.unsqueeze(1)
        return self.drop(y)


class Smooth(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 5, padding=2, groups=width, bias=False)

    def forward(self, x):
        return F.silu(self.conv(x))


class Mixer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x, skip):
        return self.weight.unsqueeze(-1) * x + skip


class Squash(nn.Module):
    def forward(self, x):
        return ScaledTanh.apply(x, 1.5)


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(2 * width, width)
        )
        self.start, self.end = nn.Linear(width, 1), nn.Linear(width, 1)
        for last in (self.start, self.end):
            nn.init.normal_(last.weight, 0, 0.02)
        nn.init.constant_(self.start.bias, -2.0)

    def forward(self, x):
        y = self.trunk(x.transpose(1, 2))
        start, end = self.start(y).squeeze(-1), self.end(y).squeeze(-1)
        return {"start": start, "end": end}


@dataclass
class Spans:
    hidden: torch.Tensor
    logits: dict[str, torch.Tensor]


class Net(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.encoder = Encoder(inputs, width)
        self.smooth = Smooth(width)
        self.mixer = Mixer(width)
        self.squash = Squash()
        self.head = Head(width)

    def forward(self, x, mask):
        first = self.encoder(x, mask)
        once = self.smooth(first)
        twice = self.smooth(once)
        mixed = self.mixer(twice, first)
        hidden = self.squash(mixed)
        return Spans(hidden, self.head(hidden))


def loss_of(logits, wanted, mask):
    each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (each * mask).sum() / mask.sum()


def build(seed=0):
    torch.manual_seed(seed)
    net = Net(4, 8)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "x": torch.randn(2, 4, 12, generator=generator),
        "mask": (torch.rand(2, 12, generator=generator) > 0.2).float(),
        "start": torch.rand(2, 12, generator=generator),
        "end": torch.rand(2, 12, generator=generator),
    }

    def step(batch):
        found = net(batch["x"], batch["mask"])
        return {name + "_loss": loss_of(found.logits[name], batch[name], batch["mask"]) for name in ("start", "end")}

    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in net.parameters() if parameter.dim() <= 1]
    groups = [{"params": weights, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return {"modules": {"net": net}, "batch": batch, "step": step, "optimizer": torch.optim.AdamW(groups, lr=1e-3)}
