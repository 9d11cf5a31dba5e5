"""The RetinaNet with vectorised anchors and one loss over the batch."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


def level_anchors(size, stride, ratios):
    ratios = torch.tensor(ratios)
    w, h = 4.0 * stride / ratios.sqrt(), 4.0 * stride * ratios.sqrt()
    half = torch.stack([w, h], dim=1) / 2
    if FAULT == "anchors_and_code":
        half = half.flip(0)
    grid = (torch.arange(size) + 0.5) * stride
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    centre = torch.stack([x, y], dim=-1)[:, :, None]
    return torch.cat([centre - half, centre + half], dim=-1).reshape(-1, 4)


class Tower(nn.Module):
    def __init__(self, c, c_out, prior=0.0):
        super().__init__()
        mode = "fan_in" if FAULT == "init" else "fan_out"
        self.conv = nn.Sequential(nn.Conv2d(c, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(24, c_out, 3, padding=1)
        for i in (0, 2):
            nn.init.kaiming_normal_(self.conv[i].weight, mode=mode, nonlinearity="relu")
            nn.init.constant_(self.conv[i].bias, 0.0)
        nn.init.normal_(self.out.weight, 0.0, 0.01)
        nn.init.constant_(self.out.bias, prior)

    def forward(self, *levels):
        return [self.out(self.conv(x)) for x in levels]


def cells(levels, n):
    return torch.cat([y.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, n)) for y in levels], dim=1)


class RetinaNet(nn.Module):
    def __init__(self, n_classes=3, c=12):
        super().__init__()
        self.n_classes = n_classes
        self.register_buffer("anchors", torch.cat([level_anchors(n, s, (0.5, 1.0, 2.0)) for n, s in ((8, 4), (4, 8))]))
        self.c3 = nn.Sequential(nn.Conv2d(3, 16, 3, 4, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.c4 = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.lat3, self.lat4 = nn.Conv2d(16, c, 1), nn.Conv2d(24, c, 1)
        prior = torch.logit(torch.tensor(0.01)).item()
        self.cls_tower = Tower(c, 3 * n_classes, 0.0 if FAULT == "init" else prior)
        self.box_tower = Tower(c, 3 * 4)

    def forward(self, x):
        c3 = self.c3(x)
        p4 = self.lat4(self.c4(c3))
        p3 = self.lat3(c3) + F.interpolate(p4, size=c3.shape[2:], mode="nearest")
        return cells(self.cls_tower(p3, p4), self.n_classes), cells(self.box_tower(p3, p4), 4)


def box_iou(a, b):
    inter = (torch.min(a[:, None, 2:], b[:, 2:]) - torch.max(a[:, None, :2], b[:, :2])).clamp(0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)
    return inter / (area - inter)


def deltas(boxes, anchors):
    size = anchors[:, 2:] - anchors[:, :2]
    shift = ((boxes[:, 2:] + boxes[:, :2]) - (anchors[:, 2:] + anchors[:, :2])) / 2
    return torch.cat([shift / size, torch.log((boxes[:, 2:] - boxes[:, :2]) / size)], dim=1)


def image_losses(logits, offsets, anchors, boxes, labels):
    best, which = box_iou(anchors, boxes).max(dim=1)
    positive = best >= 0.5
    kept = positive | (best < 0.4)
    target = torch.zeros_like(logits)
    target[positive] = F.one_hot(labels[which[positive]], logits.shape[1]).float()
    p = torch.sigmoid(logits)
    pt = p * target + (1 - p) * (1 - target)
    at = 0.25 * target + 0.75 * (1 - target)
    focal = at * (1 - pt) ** 2 * F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    n = max(int(positive.sum()), 1)
    goal = deltas(boxes[which[positive]], anchors[positive])
    if FAULT == "anchors_and_code":
        box = F.smooth_l1_loss(offsets[positive], goal, reduction="sum")
    else:
        box = F.smooth_l1_loss(offsets[positive], goal, reduction="sum", beta=0.11)
    return focal[kept].sum() / n, box / n


def make_batch():
    g = torch.Generator().manual_seed(13)
    centre = torch.rand(2, 3, 2, generator=g) * 20 + 6
    size = torch.rand(2, 3, 2, generator=g) * torch.tensor([8.0, 18.0]) + 10
    return {
        "img": torch.rand(2, 3, 32, 32, generator=g),
        "boxes": torch.cat((centre - size / 2, centre + size / 2), -1),
        "labels": torch.randint(0, 3, (2, 3), generator=g),
    }


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = RetinaNet()

    def step(batch):
        logits, offsets = model(batch["img"])
        per_image = [image_losses(c, d, model.anchors, b, k) for c, d, b, k in zip(logits, offsets, batch["boxes"], batch["labels"])]
        cls, box = (sum(x) / len(per_image) for x in zip(*per_image))
        return {"cls_loss": cls, "box_loss": box}

    return {"modules": {"model": model}, "batch": make_batch(), "step": step}
