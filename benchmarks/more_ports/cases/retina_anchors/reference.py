"""A small RetinaNet: towers shared over levels, anchors in a buffer, focal loss."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def make_anchors(sizes, stride, ratios=(0.5, 1.0, 2.0), base=4.0):
    out = []
    for size, step in zip(sizes, stride):
        for row in range(size):
            for col in range(size):
                for ratio in ratios:
                    w, h = base * step * ratio**-0.5, base * step * ratio**0.5
                    x, y = (col + 0.5) * step, (row + 0.5) * step
                    out.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
    return torch.tensor(out)


class Tower(nn.Module):
    def __init__(self, channels, outputs, width=24, depth=2):
        super().__init__()
        layers = []
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU()]
            channels = width
        self.conv = nn.Sequential(*layers)
        self.out = nn.Conv2d(width, outputs, 3, 1, 1)
        for m in self.conv:
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(m.bias)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        return self.out(self.conv(x))


class RetinaNet(nn.Module):
    def __init__(self, classes=3, channels=12, anchors=3):
        super().__init__()
        self.classes = classes
        self.c3 = nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.c4 = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.lat3 = nn.Conv2d(16, channels, 1)
        self.lat4 = nn.Conv2d(24, channels, 1)
        self.cls_tower = Tower(channels, anchors * classes)
        self.box_tower = Tower(channels, anchors * 4)
        nn.init.constant_(self.cls_tower.out.bias, -math.log((1 - 0.01) / 0.01))
        self.register_buffer("anchors", make_anchors((8, 4), (4, 8)))

    def forward(self, x):
        c3 = self.c3(x)
        c4 = self.c4(c3)
        p4 = self.lat4(c4)
        p3 = self.lat3(c3) + F.interpolate(p4, scale_factor=2)
        cls, box = [], []
        for p in (p3, p4):
            cls.append(self.cls_tower(p).permute(0, 2, 3, 1).reshape(len(x), -1, self.classes))
            box.append(self.box_tower(p).permute(0, 2, 3, 1).reshape(len(x), -1, 4))
        return torch.cat(cls, 1), torch.cat(box, 1)


def pairwise_iou(a, b):
    low = torch.max(a[:, None, :2], b[None, :, :2])
    high = torch.min(a[:, None, 2:], b[None, :, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area_a = (a[:, 2:] - a[:, :2]).prod(-1)
    area_b = (b[:, 2:] - b[:, :2]).prod(-1)
    return inter / (area_a[:, None] + area_b[None] - inter)


def encode(anchors, boxes):
    aw, bw = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    ac, bc = anchors[:, :2] + aw / 2, boxes[:, :2] + bw / 2
    return torch.cat(((bc - ac) / aw, (bw / aw).log()), 1)


def retina_loss(cls, box, anchors, boxes, labels, alpha=0.25, gamma=2.0, beta=0.11):
    cls_loss, box_loss = 0.0, 0.0
    for c, d, gt, kind in zip(cls, box, boxes, labels):
        iou, index = pairwise_iou(anchors, gt).max(1)
        pos, ignored = iou >= 0.5, (iou >= 0.4) & (iou < 0.5)
        target = torch.zeros_like(c)
        target[pos, kind[index[pos]]] = 1.0
        p = c.sigmoid()
        weight = torch.where(target == 1, alpha * (1 - p) ** gamma, (1 - alpha) * p**gamma)
        ce = F.binary_cross_entropy_with_logits(c, target, reduction="none")
        count = pos.sum().clamp(min=1)
        cls_loss = cls_loss + (weight * ce)[~ignored].sum() / count
        diff = (d[pos] - encode(anchors[pos], gt[index[pos]])).abs()
        smooth = torch.where(diff < beta, 0.5 * diff**2 / beta, diff - 0.5 * beta)
        box_loss = box_loss + smooth.sum() / count
    return cls_loss / len(cls), box_loss / len(cls)


def make_batch():
    g = torch.Generator().manual_seed(13)
    centre = torch.rand(2, 3, 2, generator=g) * 20 + 6
    size = torch.rand(2, 3, 2, generator=g) * torch.tensor([8.0, 18.0]) + 10
    return {
        "img": torch.rand(2, 3, 32, 32, generator=g),
        "boxes": torch.cat((centre - size / 2, centre + size / 2), -1),
        "labels": torch.randint(0, 3, (2, 3), generator=g),
    }


def build(seed=0):
    torch.manual_seed(seed)
    model = RetinaNet()

    def step(batch):
        cls, box = model(batch["img"])
        cls_loss, box_loss = retina_loss(cls, box, model.anchors, batch["boxes"], batch["labels"])
        return {"cls_loss": cls_loss, "box_loss": box_loss}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
