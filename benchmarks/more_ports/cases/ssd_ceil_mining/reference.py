"""A small SSD with a context branch, and the MultiBox loss with hard negative mining."""

import torch
import torch.nn.functional as F
from torch import nn


class L2Norm(nn.Module):
    def __init__(self, channels, scale):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), float(scale)))

    def forward(self, x):
        norm = x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10
        return self.weight[None, :, None, None] * (x / norm)


class Context(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)

    def forward(self, x):
        return F.relu(self.conv(self.pool(x)))


class SSD(nn.Module):
    def __init__(self, classes=4, per_cell=2):
        super().__init__()
        self.classes = classes
        self.conv1 = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU())
        self.norm = L2Norm(16, 20)
        self.conv2 = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU())
        self.context = Context(24, 16)
        self.loc = nn.ModuleList([nn.Conv2d(16, per_cell * 4, 3, 1, 1), nn.Conv2d(24, per_cell * 4, 3, 1, 1)])
        self.conf = nn.ModuleList([nn.Conv2d(16, per_cell * classes, 3, 1, 1), nn.Conv2d(24, per_cell * classes, 3, 1, 1)])
        self.scene = nn.Linear(16, 3)

    def forward(self, x):
        x = self.conv1(x)
        sources = [self.norm(x)]
        x = self.conv2(x)
        sources.append(x)
        scene = self.scene(self.context(x).mean((2, 3)))
        loc, conf = [], []
        for source, l, c in zip(sources, self.loc, self.conf):
            loc.append(l(source).permute(0, 2, 3, 1).contiguous().view(len(x), -1))
            conf.append(c(source).permute(0, 2, 3, 1).contiguous().view(len(x), -1))
        loc = torch.cat(loc, 1).view(len(x), -1, 4)
        conf = torch.cat(conf, 1).view(len(x), -1, self.classes)
        return loc, conf, scene


class MultiBoxLoss:
    def __init__(self, classes, ratio=3):
        self.classes, self.ratio = classes, ratio

    def __call__(self, loc, conf, loc_t, conf_t):
        pos = conf_t > 0
        loss_l = F.smooth_l1_loss(loc[pos], loc_t[pos], reduction="sum")
        loss_c = F.cross_entropy(conf.view(-1, self.classes), conf_t.view(-1), reduction="none").view_as(conf_t)
        mined = loss_c.detach().clone()
        mined[pos] = 0
        _, order = mined.sort(1, descending=True)
        _, rank = order.sort(1)
        num_pos = pos.long().sum(1, keepdim=True)
        num_neg = torch.clamp(self.ratio * num_pos, max=pos.shape[1] - 1)
        neg = rank < num_neg
        loss_c = loss_c[pos | neg].sum()
        count = num_pos.sum()
        return loss_l / count, loss_c / count


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


def build(seed=0):
    torch.manual_seed(seed)
    net = SSD()
    criterion = MultiBoxLoss(4)

    def step(batch):
        loc, conf, scene = net(batch["img"])
        loss_l, loss_c = criterion(loc, conf, batch["loc_t"], batch["conf_t"])
        return {"loc_loss": loss_l, "conf_loss": loss_c, "scene_loss": F.cross_entropy(scene, batch["scene"])}

    return {"modules": {"net": net}, "batch": make_batch(), "step": step}
