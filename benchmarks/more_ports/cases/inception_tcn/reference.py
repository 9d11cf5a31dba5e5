"""Inception blocks over time, then a dilated causal network."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm


class ConvUnit(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm1d(outputs, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, inputs, width=6):
        super().__init__()
        self.branch1x1 = ConvUnit(inputs, width, 1)
        self.branch3 = nn.Sequential(ConvUnit(inputs, width, 1), ConvUnit(width, width, 3))
        self.branch5 = nn.Sequential(ConvUnit(inputs, width, 1), ConvUnit(width, width, 5))
        self.branch_pool = ConvUnit(inputs, width, 1)

    def forward(self, x):
        pooled = F.avg_pool1d(x, 3, 1, 1)
        return torch.cat((self.branch1x1(x), self.branch3(x), self.branch5(x), self.branch_pool(pooled)), 1)


class Chomp(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x[:, :, : -self.size]


class TemporalBlock(nn.Module):
    def __init__(self, inputs, outputs, kernel, dilation):
        super().__init__()
        pad = (kernel - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(inputs, outputs, kernel, padding=pad, dilation=dilation))
        self.chomp1 = Chomp(pad)
        self.conv2 = weight_norm(nn.Conv1d(outputs, outputs, kernel, padding=pad, dilation=dilation))
        self.chomp2 = Chomp(pad)
        self.downsample = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x):
        out = F.relu(self.chomp1(self.conv1(x)))
        out = F.relu(self.chomp2(self.conv2(out)))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Net(nn.Module):
    def __init__(self, inputs=4, classes=3):
        super().__init__()
        self.inception1 = Inception(inputs)
        self.inception2 = Inception(24)
        self.tcn = nn.Sequential(TemporalBlock(24, 16, 3, 1), TemporalBlock(16, 16, 3, 2), TemporalBlock(16, 16, 3, 4))
        self.head = nn.Sequential(nn.Dropout(0.0), nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, classes))

    def forward(self, x):
        return self.head(self.tcn(self.inception2(self.inception1(x))).transpose(1, 2))


def build(seed=0):
    torch.manual_seed(seed)
    net = Net()
    g = torch.Generator().manual_seed(4)
    batch = {"x": torch.randn(3, 4, 20, generator=g), "y": torch.randint(0, 3, (3, 20), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]).flatten(0, 1), batch["y"].flatten())}

    return {"modules": {"net": net}, "batch": batch, "step": step}
