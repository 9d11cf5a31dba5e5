"""Domain adaptation: the reversal is a function outside the net's modules, activations are functions."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class MemorySwish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return F.silu(x)

    @staticmethod
    def backward(ctx, grad):
        x = ctx.saved_tensors[0]
        s = x.sigmoid()
        if FAULT in ("swish", "two"):
            return grad * s * (1 + x * s)
        return grad * (s + x * s * (1 - s))


swish = MemorySwish.apply


def reverse(x, weight):
    if FAULT == "two":
        return weight * x + (x - weight * x).detach()
    return -weight * x + (x + weight * x).detach()


class SE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.reduce = nn.Conv2d(c, c // 4, 1)
        self.expand = nn.Conv2d(c // 4, c, 1)

    def forward(self, x):
        s = F.adaptive_avg_pool2d(x, 1)
        s = swish(self.reduce(s))
        return self.expand(s).sigmoid() * x


class MBConv(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.expand = nn.Conv2d(c, 2 * c, 1, bias=False)
        self.depth = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(2 * c), nn.BatchNorm2d(2 * c)
        self.se = SE(2 * c)
        self.project = nn.Conv2d(2 * c, c, 1, bias=False)

    def forward(self, x):
        h = swish(self.norm1(self.expand(x)))
        h = swish(self.norm2(self.depth(h)))
        return self.project(self.se(h)) + x


class Net(nn.Module):
    def __init__(self, c=8, n_classes=4):
        super().__init__()
        self.stem = nn.Conv2d(3, c, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(MBConv(c), MBConv(c))
        self.classifier = nn.Linear(c, n_classes)
        self.domain = nn.Sequential(nn.Linear(c, 12), nn.ReLU(), nn.Linear(12, 1))

    def forward(self, x, weight=0.3):
        x = self.blocks(self.stem(x)).flatten(2).mean(2)
        return {"logits": self.classifier(x), "domain": self.domain(reverse(x, weight))[:, 0]}


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    model = Net()
    g = torch.Generator().manual_seed(14)
    batch = {
        "source": torch.randn(4, 3, 12, 12, generator=g),
        "target": torch.randn(4, 3, 12, 12, generator=g) + 0.5,
        "y": torch.randint(0, 4, (4,), generator=g),
    }

    def step(batch):
        out = model(torch.cat([batch["source"], batch["target"]]))
        source, target = out["logits"][:4], out["logits"][4:]
        cls = F.cross_entropy(source, batch["y"])
        adv = F.softplus(out["domain"] * torch.tensor([1.0] * 4 + [-1.0] * 4)).mean()
        if FAULT == "detach":
            pseudo = F.cross_entropy(target.detach(), F.softmax(2 * target, dim=1))
        else:
            pseudo = F.cross_entropy(target, F.softmax(2 * target.detach(), dim=1))
        return {"cls_loss": cls, "adv_loss": adv, "pseudo_loss": pseudo, "total_loss": cls + adv + pseudo / 5}

    return {"modules": {"model": model}, "batch": batch, "step": step}
