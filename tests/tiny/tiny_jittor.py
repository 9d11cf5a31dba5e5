"""The model of ``tiny_torch.py`` in Jittor."""

import jittor as jt
import numpy as np
from jittor import nn


class Block(nn.Module):
    """Convolution, batch norm, activation, and the input added."""

    def __init__(self, channels: int, fault: str) -> None:
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels, eps=1e-5 if fault == "eps" else 1e-3)
        self.act = nn.SiLU()
        self._fault = fault

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, C, H, W) to the same shape."""
        y = self.act(self.bn(self.conv(x)))
        return y if self._fault == "residual" else x + y


class Head(nn.Module):
    """Return nested outputs: a dict with a tensor, a list and a tuple."""

    def __init__(self, channels: int) -> None:
        self.score = nn.Linear(channels, 3)
        self.box = nn.Linear(channels, 4)

    def execute(self, maps: list) -> dict:
        """Take two maps (N, C, H, W) as a list."""
        pooled = [m.mean((2, 3)) for m in maps]
        return {"scores": self.score(pooled[0] + pooled[1]), "boxes": [self.box(p) for p in pooled], "sizes": (2, None)}


class Net(nn.Module):
    """Two blocks; the second is called twice."""

    def __init__(self, fault: str) -> None:
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first = Block(8, "none")
        self.second = Block(8, fault)
        self.head = Head(8)
        self.scale = jt.full((1,), 0.5).stop_grad()
        self._fault = fault

    def execute(self, x: jt.Var) -> dict:
        """Map images (N, 3, H, W) to the head's nested output."""
        stem = self.stem(x)
        first = self.first(stem)
        first = first.detach() if self._fault == "detach" else first
        return self.head([first + stem * self.scale, self.second(self.second(first))])


def build(seed: int = 0, fault: str = "none", size: int = 8) -> dict:
    """Build the model, a batch of two images, and the step that returns two losses."""
    jt.set_global_seed(seed + 1)
    net = Net(fault)
    jt.sync(net.parameters())
    jt.init.constant_(net.head.score.bias, 5.0 if fault == "bias" else -3.0)
    draw = np.random.default_rng(0)
    batch = {
        "img": jt.array(draw.standard_normal((2, 3, size, size)).astype("float32")),
        "label": jt.array(np.array([0, 2])),
    }

    def step(batch: dict) -> dict:
        out = net(batch["img"])
        loss = nn.cross_entropy_loss(out["scores"], batch["label"])
        penalty = sum((b**2).mean() for b in out["boxes"]) + jt.log(1 + jt.exp(out["scores"])).mean()
        return {"cls_loss": loss, "reg_loss": penalty * 2 if fault == "loss" else penalty}

    return {"modules": {"net": net}, "batch": batch, "step": step}
