"""Domain adaptation with a gradient reversal and a memory saving activation; pseudo labels come from a target head."""

import torch
import torch.nn.functional as F
from torch import nn


class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad * s * (1 + x * (1 - s))


class Swish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)


class ReverseFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.weight * grad, None


class GradientReversal(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return ReverseFunction.apply(x, self.weight)


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.act = Swish()
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(self.act(self.reduce(s))))


class MBConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.expand = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(2 * channels)
        self.depth = nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1, groups=2 * channels, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * channels)
        self.act = Swish()
        self.se = SqueezeExcite(2 * channels)
        self.project = nn.Conv2d(2 * channels, channels, 1, bias=False)

    def forward(self, x):
        h = self.act(self.norm1(self.expand(x)))
        h = self.act(self.norm2(self.depth(h)))
        return x + self.project(self.se(h))


class DANN(nn.Module):
    def __init__(self, channels=8, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, 2, 1)
        self.blocks = nn.Sequential(MBConv(channels), MBConv(channels))
        self.classifier = nn.Linear(channels, classes)
        self.reversal = GradientReversal(0.3)
        self.domain = nn.Sequential(nn.Linear(channels, 12), nn.ReLU(), nn.Linear(12, 1))

    def forward(self, x):
        feat = self.blocks(self.stem(x)).mean((2, 3))
        return self.classifier(feat), self.domain(self.reversal(feat)).squeeze(1)


def build(seed=0):
    torch.manual_seed(seed)
    model = DANN()
    g = torch.Generator().manual_seed(14)
    batch = {
        "source": torch.randn(4, 3, 12, 12, generator=g),
        "target": torch.randn(4, 3, 12, 12, generator=g) + 0.5,
        "y": torch.randint(0, 4, (4,), generator=g),
    }

    def step(batch):
        logits, domain = model(torch.cat((batch["source"], batch["target"])))
        source, target = logits.chunk(2)
        cls = F.cross_entropy(source, batch["y"])
        where = torch.tensor([0.0] * 4 + [1.0] * 4)
        adv = F.binary_cross_entropy_with_logits(domain, where)
        soft = (target.detach() / 0.5).softmax(1)
        pseudo = -(soft * target.log_softmax(1)).sum(1).mean()
        return {"cls_loss": cls, "adv_loss": adv, "pseudo_loss": pseudo, "total_loss": cls + adv + 0.2 * pseudo}

    return {"modules": {"model": model}, "batch": batch, "step": step}
