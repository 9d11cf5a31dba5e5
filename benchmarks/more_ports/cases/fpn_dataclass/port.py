"""The region proposal network with lists and tuples."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class Stage(nn.Sequential):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False)
        self.norm = nn.GroupNorm(4, c_out)
        self.relu = nn.ReLU(inplace=True)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Stage(3, 8)
        self.res2, self.res3, self.res4 = Stage(8, 12), Stage(12, 16), Stage(16, 24)

    def forward(self, x):
        c2 = self.res2(self.stem(x))
        c3 = self.res3(c2)
        return [c2, c3, self.res4(c3)]


class FPN(nn.Module):
    def __init__(self, names, channels, c):
        super().__init__()
        self.names = names
        self.inner = nn.ModuleDict([(n, nn.Conv2d(k, c, 1)) for n, k in zip(names, channels)])
        self.outer = nn.ModuleDict([(n, nn.Conv2d(c, c, 3, padding=1)) for n in names])

    def forward(self, levels):
        laterals = [self.inner[n](x) for n, x in zip(self.names, levels)]
        for i in (1, 0):
            size = laterals[i].shape[2:]
            if FAULT == "upsample":
                above = F.interpolate(laterals[i + 1], size, mode="bilinear", align_corners=False)
            else:
                above = F.interpolate(laterals[i + 1], size)
            laterals[i] = laterals[i] + above
        outs = [self.outer[n](x) for n, x in zip(self.names, laterals)]
        return tuple(outs) + (outs[-1][:, :, ::2, ::2],)


class RPNHead(nn.Module):
    def __init__(self, c, n_anchors):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)
        self.objectness = nn.Conv2d(c, n_anchors, 1)
        self.deltas = nn.Conv2d(c, 4 * n_anchors, 1)

    def forward(self, levels):
        hidden = [self.conv(x) for x in levels]
        if FAULT != "two":
            hidden = [h.relu() for h in hidden]
        return [self.objectness(h) for h in hidden], [self.deltas(h) for h in hidden]


class RPN(nn.Module):
    def __init__(self, c=12, n_anchors=2):
        super().__init__()
        self.backbone = Backbone()
        self.fpn = FPN(("res2", "res3", "res4"), (12, 16, 24), c)
        self.head = RPNHead(c, n_anchors)

    def forward(self, x):
        return self.head(self.fpn(self.backbone(x)))


def smooth_l1(x, y, beta):
    d = (x - y).abs()
    if FAULT == "two":
        return torch.where(d < beta, 0.5 * d**2, d - 0.5 * beta).sum()
    return torch.where(d < beta, 0.5 * d**2 / beta, d - 0.5 * beta).sum()


def make_batch():
    g = torch.Generator().manual_seed(31)
    count = 2 * (64 + 16 + 4 + 1)
    return {
        "img": torch.rand(2, 3, 32, 32, generator=g),
        "labels": torch.randint(-1, 2, (2, count), generator=g),
        "deltas": torch.randn(2, count, 4, generator=g) * 0.5,
    }


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = RPN()

    def step(batch):
        maps, offsets = model(batch["img"])
        scores = torch.cat([m.permute(0, 2, 3, 1).reshape(len(m), -1) for m in maps], dim=1)
        boxes = torch.cat([o.permute(0, 2, 3, 1).reshape(len(o), -1, 4) for o in offsets], dim=1)
        labels = batch["labels"]
        n = (labels >= 0).sum()
        each = F.binary_cross_entropy_with_logits(scores, labels.clamp(min=0).float(), reduction="none")
        cls = (each * (labels >= 0)).sum() / n
        loc = smooth_l1(boxes[labels > 0], batch["deltas"][labels > 0], 1 / 9) / n
        return {"loss_rpn_cls": cls, "loss_rpn_loc": loc}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
