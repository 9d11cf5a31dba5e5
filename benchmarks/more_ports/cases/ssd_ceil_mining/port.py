"""The SSD with a head for each level and a loss of functions."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class L2Norm(nn.Module):
    def __init__(self, c, scale):
        super().__init__()
        self.weight = nn.Parameter(scale * torch.ones(c))

    def forward(self, x):
        return self.weight.view(1, -1, 1, 1) * x / (x.norm(dim=1, keepdim=True) + 1e-10)


class Context(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.pool = nn.MaxPool2d(2, ceil_mode=FAULT != "both")
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)

    def forward(self, x):
        return self.conv(self.pool(x)).relu()


class SSD(nn.Module):
    def __init__(self, n_classes=4, n_boxes=2):
        super().__init__()
        self.n_classes = n_classes
        self.conv1 = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU())
        self.norm = L2Norm(16, 20)
        self.context = Context(24, 16)
        self.scene = nn.Linear(16, 3)
        self.loc = nn.ModuleList([nn.Conv2d(c, n_boxes * 4, 3, padding=1) for c in (16, 24)])
        self.conf = nn.ModuleList([nn.Conv2d(c, n_boxes * n_classes, 3, padding=1) for c in (16, 24)])

    def flat(self, convs, levels, size):
        outs = [conv(x).permute(0, 2, 3, 1).reshape(len(x), -1, size) for conv, x in zip(convs, levels)]
        return torch.cat(outs, dim=1)

    def forward(self, img):
        fine = self.conv1(img)
        deep = self.conv2(fine)
        levels = (self.norm(fine), deep)
        scene = self.scene(self.context(deep).flatten(2).mean(-1))
        return {"boxes": self.flat(self.loc, levels, 4), "classes": self.flat(self.conf, levels, self.n_classes), "scene": scene}


def mine_negatives(losses, positive, ratio=3):
    scores = losses.detach().masked_fill(positive, 0)
    if FAULT in ("mining", "both"):
        count = ratio * positive.sum()
        best = scores.flatten().argsort(descending=True)[:count]
        chosen = torch.zeros_like(positive).flatten()
        chosen[best] = True
        return chosen.view_as(positive)
    chosen = torch.zeros_like(positive)
    for row, score, hit in zip(chosen, scores, positive):
        count = min(ratio * int(hit.sum()), len(hit) - 1)
        row[score.argsort(descending=True)[:count]] = True
    return chosen


def multibox(boxes, classes, box_targets, labels):
    positive = labels > 0
    n = positive.sum()
    box = F.smooth_l1_loss(boxes[positive], box_targets[positive], reduction="sum") / n
    losses = F.cross_entropy(classes.transpose(1, 2), labels, reduction="none")
    kept = positive | mine_negatives(losses, positive)
    return box, losses[kept].sum() / n


def make_batch():
    g = torch.Generator().manual_seed(21)
    boxes = 2 * (10 * 10 + 5 * 5)
    conf = torch.zeros(3, boxes, dtype=torch.long)
    for i, n in enumerate((3, 8, 5)):
        conf[i, torch.randperm(boxes, generator=g)[:n]] = torch.randint(1, 4, (n,), generator=g)
    return {
        "img": torch.rand(3, 3, 40, 40, generator=g),
        "loc_t": torch.randn(3, boxes, 4, generator=g),
        "conf_t": conf,
        "scene": torch.randint(0, 3, (3,), generator=g),
    }


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = SSD()

    def step(batch):
        out = net(batch["img"])
        box, cls = multibox(out["boxes"], out["classes"], batch["loc_t"], batch["conf_t"])
        return {"loc_loss": box, "conf_loss": cls, "scene_loss": F.cross_entropy(out["scene"], batch["scene"])}

    return {"modules": {"net": net}, "batch": make_batch(), "step": step}
