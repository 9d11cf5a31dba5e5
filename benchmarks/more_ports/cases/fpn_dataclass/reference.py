"""A region proposal network over a pyramid; outputs are dicts and dataclasses."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Proposals:
    logits: torch.Tensor
    deltas: torch.Tensor


class Stage(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.norm = nn.GroupNorm(4, outputs)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Stage(3, 8)
        self.res2 = Stage(8, 12)
        self.res3 = Stage(12, 16)
        self.res4 = Stage(16, 24)

    def forward(self, x):
        out = OrderedDict()
        x = self.stem(x)
        for name in ("res2", "res3", "res4"):
            x = getattr(self, name)(x)
            out[name] = x
        return out


class FPN(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.inner = nn.ModuleDict({k: nn.Conv2d(c, width, 1) for k, c in channels.items()})
        self.outer = nn.ModuleDict({k: nn.Conv2d(width, width, 3, 1, 1) for k in channels})

    def forward(self, feats):
        names = list(feats)
        last = self.inner[names[-1]](feats[names[-1]])
        out = {names[-1]: self.outer[names[-1]](last)}
        for name in reversed(names[:-1]):
            lateral = self.inner[name](feats[name])
            last = lateral + F.interpolate(last, size=lateral.shape[-2:], mode="nearest")
            out[name] = self.outer[name](last)
        pooled = F.max_pool2d(out[names[-1]], 1, 2)
        result = OrderedDict((name, out[name]) for name in names)
        result["pool"] = pooled
        return result


class RPNHead(nn.Module):
    def __init__(self, width, anchors):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1)
        self.objectness = nn.Conv2d(width, anchors, 1)
        self.deltas = nn.Conv2d(width, 4 * anchors, 1)

    def forward(self, feats):
        out = OrderedDict()
        for name, x in feats.items():
            t = F.relu(self.conv(x))
            out[name] = Proposals(logits=self.objectness(t), deltas=self.deltas(t))
        return out


class RPN(nn.Module):
    def __init__(self, width=12, anchors=2):
        super().__init__()
        self.backbone = Backbone()
        self.fpn = FPN({"res2": 12, "res3": 16, "res4": 24}, width)
        self.head = RPNHead(width, anchors)

    def forward(self, x):
        return self.head(self.fpn(self.backbone(x)))


def flatten_proposals(proposals):
    logits, deltas = [], []
    for p in proposals.values():
        b, a, h, w = p.logits.shape
        logits.append(p.logits.permute(0, 2, 3, 1).flatten(1))
        deltas.append(p.deltas.view(b, a, 4, h, w).permute(0, 3, 4, 1, 2).flatten(1, 3))
    return torch.cat(logits, 1), torch.cat(deltas, 1)


def make_batch():
    g = torch.Generator().manual_seed(31)
    count = 2 * (64 + 16 + 4 + 1)
    return {
        "img": torch.rand(2, 3, 32, 32, generator=g),
        "labels": torch.randint(-1, 2, (2, count), generator=g),
        "deltas": torch.randn(2, count, 4, generator=g) * 0.5,
    }


def build(seed=0):
    torch.manual_seed(seed)
    model = RPN()

    def step(batch):
        logits, deltas = flatten_proposals(model(batch["img"]))
        valid, pos = batch["labels"] >= 0, batch["labels"] == 1
        cls = F.binary_cross_entropy_with_logits(logits[valid], batch["labels"][valid].float(), reduction="sum")
        box = F.smooth_l1_loss(deltas[pos], batch["deltas"][pos], beta=1 / 9, reduction="sum")
        count = valid.sum()
        return {"loss_rpn_cls": cls / count, "loss_rpn_loc": box / count}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
