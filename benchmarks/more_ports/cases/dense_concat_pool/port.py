"""The DenseNet whose layers concatenate themselves and whose pooling stands outside the net."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class DenseLayer(nn.Module):
    def __init__(self, c, growth, bn_size):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(c)
        self.conv1 = nn.Conv2d(c, bn_size * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth)
        self.conv2 = nn.Conv2d(bn_size * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(self.norm1(x).relu())
        if FAULT in ("act", "two"):
            y = F.leaky_relu(self.norm2(y), 0.1)
        else:
            y = self.norm2(y).relu()
        y = self.conv2(y)
        return torch.cat([x, y], dim=1)


def dense_block(n, c, growth):
    layers = {f"denselayer{i + 1}": DenseLayer(c + i * growth, growth, 2) for i in range(n)}
    block = nn.Sequential()
    for name, layer in layers.items():
        block.add_module(name, layer)
    return block


class Transition(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.norm = nn.BatchNorm2d(c_in)
        self.conv = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x):
        return self.conv(self.norm(x).relu())


class Features(nn.Module):
    def __init__(self, growth=6, stem=12, n_classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.block1 = dense_block(3, stem, growth)
        self.trans = Transition(30, 15)
        self.block2 = dense_block(3, 15, growth)
        self.norm = nn.BatchNorm2d(33)
        self.classifier = nn.Linear(33, n_classes)

    def forward(self, x):
        x = self.trans(self.block1(self.stem(x)))
        if FAULT == "two":
            x = F.max_pool2d(x, 2)
        else:
            x = F.avg_pool2d(x, 2)
        return self.norm(self.block2(x)).relu()


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = Features()
    g = torch.Generator().manual_seed(4)
    batch = {"x": torch.randn(4, 3, 24, 24, generator=g), "y": torch.randint(0, 5, (4,), generator=g)}

    def step(batch):
        pooled = net(batch["x"]).mean(dim=(2, 3))
        logits = net.classifier(pooled)
        return {"loss": F.cross_entropy(logits, batch["y"], label_smoothing=0.1)}

    return {"modules": {"net": net}, "batch": batch, "step": step}
