"""The ConvNeXt, channels last: convolutions permute."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class ConvLast(nn.Conv2d):
    def forward(self, x):
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        eps = 1e-3 if FAULT == "two" else 1e-6
        self.dwconv = ConvLast(c, c, 7, padding=3, groups=c)
        self.norm = nn.LayerNorm(c, eps=eps)
        self.pwconv1 = nn.Linear(c, 4 * c)
        self.pwconv2 = nn.Linear(4 * c, c)
        self.gamma = nn.Parameter(torch.full((c,), 1e-6))

    def forward(self, x):
        y = self.pwconv1(self.norm(self.dwconv(x)))
        if FAULT == "tanh":
            y = F.gelu(y, approximate="tanh")
        else:
            y = F.gelu(y)
        return x + self.pwconv2(y) * self.gamma


class ConvNeXt(nn.Module):
    def __init__(self, dims=(8, 16, 24), depths=(1, 2, 1), n_classes=5):
        super().__init__()
        self.downsample_layers = nn.ModuleList()
        self.stages = nn.ModuleList()
        before = 3
        for i, (c, n) in enumerate(zip(dims, depths)):
            if i == 0:
                down = [ConvLast(3, c, 4, stride=4), nn.LayerNorm(c, eps=1e-6)]
            else:
                down = [nn.LayerNorm(before, eps=1e-6), ConvLast(before, c, 2, stride=2)]
            self.downsample_layers.append(nn.Sequential(*down))
            self.stages.append(nn.Sequential(*[Block(c) for _ in range(n)]))
            before = c
        self.norm = nn.LayerNorm(before, eps=1e-6)
        self.head = nn.Linear(before, n_classes)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(m.weight, std=0.02)
                m.bias.data.zero_()

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        for i in range(len(self.stages)):
            x = self.stages[i](self.downsample_layers[i](x))
        if FAULT == "two":
            x = self.norm(x).mean(dim=(1, 2))
        else:
            x = self.norm(x.mean(dim=(1, 2)))
        return self.head(x)


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = ConvNeXt()
    g = torch.Generator().manual_seed(4)
    batch = {"x": torch.randn(2, 3, 32, 32, generator=g), "y": torch.randint(0, 5, (2,), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
