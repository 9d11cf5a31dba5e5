"""A small model that has everything an adapter must cope with, in torch.

Nested outputs, one activation shared by several blocks, a module called twice, a tensor overwritten in place after
it was a module's output, a buffer, and a container with code of its own. ``fault`` names what is wrong with it.
"""

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    """Convolution, batch norm, activation, and the input added."""

    def __init__(self, channels: int, act: nn.Module, fault: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels, eps=1e-5 if fault == "eps" else 1e-3)
        self.act = act
        self._fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to the same shape."""
        y = self.act(self.bn(self.conv(x)))
        return y if self._fault == "residual" else x + y


class Head(nn.Module):
    """Return nested outputs: a dict with a tensor, a list and a tuple."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, 3)
        self.box = nn.Linear(channels, 4)

    def forward(self, maps: list) -> dict:
        """Take two maps (N, C, H, W) as a list."""
        pooled = [m.mean((2, 3)) for m in maps]
        return {"scores": self.score(pooled[0] + pooled[1]), "boxes": [self.box(p) for p in pooled], "sizes": (2, None)}


class Net(nn.Module):
    """Two blocks that share one activation; the second is called twice."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        act = nn.SiLU()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first = Block(8, act, "none")
        self.second = Block(8, act, fault)
        self.head = Head(8)
        self.register_buffer("scale", torch.full((1,), 0.5))
        self._fault = fault

    def forward(self, x: torch.Tensor) -> dict:
        """Map images (N, 3, H, W) to the head's nested output."""
        stem = self.stem(x)
        first = self.first(stem.clone())  # a convolution keeps its input for the backward pass
        first = first.detach() if self._fault == "detach" else first
        stem.mul_(self.scale)  # the value that `stem` gave is gone from here on
        return self.head([first + stem, self.second(self.second(first))])


def build(seed: int = 0, fault: str = "none", size: int = 8) -> dict:
    """Build the model, a batch of two images, and the step that returns two losses."""
    torch.manual_seed(seed)
    net = Net(fault)
    if fault == "bias":
        nn.init.constant_(net.head.score.bias, 5.0)
    else:
        nn.init.constant_(net.head.score.bias, -3.0)
    draw = np.random.default_rng(0)
    batch = {
        "img": torch.from_numpy(draw.standard_normal((2, 3, size, size)).astype("float32")),
        "label": torch.tensor([0, 2]),
    }

    def step(batch: dict) -> dict:
        out = net(batch["img"])
        loss = nn.functional.cross_entropy(out["scores"], batch["label"])
        penalty = sum((b**2).mean() for b in out["boxes"]) + nn.functional.softplus(out["scores"]).mean()
        if fault == "loss":
            penalty = penalty * 2
        if fault == "nan":
            penalty = penalty * float("nan")
        return {"cls_loss": loss, "reg_loss": penalty}

    return {"modules": {"net": net}, "batch": batch, "step": step}
