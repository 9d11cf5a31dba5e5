"""A small DenseNet; blocks collect lists of features, pooling is part of the net."""

import torch
import torch.nn.functional as F
from torch import nn


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth, bn_size):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, bn_size * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(bn_size * growth, growth, 3, 1, 1, bias=False)

    def forward(self, features):
        x = torch.cat(features, 1)
        x = self.conv1(self.relu1(self.norm1(x)))
        return self.conv2(self.relu2(self.norm2(x)))


class DenseBlock(nn.ModuleDict):
    def __init__(self, count, inputs, growth, bn_size=2):
        super().__init__()
        for i in range(count):
            self.add_module(f"denselayer{i + 1}", DenseLayer(inputs + i * growth, growth, bn_size))

    def forward(self, x):
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class Transition(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)

    def forward(self, x):
        return self.pool(self.conv(F.relu(self.norm(x))))


class DenseNet(nn.Module):
    def __init__(self, growth=6, stem=12, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.block1 = DenseBlock(3, stem, growth)
        width = stem + 3 * growth
        self.trans = Transition(width, width // 2)
        self.block2 = DenseBlock(3, width // 2, growth)
        width = width // 2 + 3 * growth
        self.norm = nn.BatchNorm2d(width)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        x = self.block2(self.trans(self.block1(self.stem(x))))
        x = F.relu(self.norm(x))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.classifier(x)


def build(seed=0):
    torch.manual_seed(seed)
    net = DenseNet()
    g = torch.Generator().manual_seed(4)
    batch = {"x": torch.randn(4, 3, 24, 24, generator=g), "y": torch.randint(0, 5, (4,), generator=g)}

    def step(batch):
        return {"loss": F.cross_entropy(net(batch["x"]), batch["y"], label_smoothing=0.1)}

    return {"modules": {"net": net}, "batch": batch, "step": step}
