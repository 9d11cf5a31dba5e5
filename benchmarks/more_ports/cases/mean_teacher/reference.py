"""A mean teacher: its weights are averaged in the step; batch norm is written by hand."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class BatchNorm(nn.Module):
    def __init__(self, channels, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        if self.training:
            mean = x.mean((0, 2, 3))
            var = x.var((0, 2, 3), unbiased=False)
            with torch.no_grad():
                n = x.numel() / x.shape[1]
                self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
                self.running_var.mul_(1 - self.momentum).add_(self.momentum * var * n / (n - 1))
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight / torch.sqrt(var + self.eps)
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


class ConvBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn = BatchNorm(outputs)

    def forward(self, x):
        return F.leaky_relu(self.bn(self.conv(x)), 0.1)


class Net(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.block1 = ConvBlock(3, 10)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.5)
        self.block2 = ConvBlock(10, 14)
        self.fc = nn.Linear(14, classes)

    def forward(self, x):
        x = self.drop(self.pool(self.block1(x)))
        return self.fc(self.block2(x).mean((2, 3)))


@torch.no_grad()
def update_teacher(teacher, student, decay):
    for t, s in zip(teacher.parameters(), student.parameters()):
        t.mul_(decay).add_(s, alpha=1 - decay)
    for t, s in zip(teacher.buffers(), student.buffers()):
        t.copy_(s)


def build(seed=0):
    torch.manual_seed(seed)
    student = Net()
    teacher = copy.deepcopy(student)
    with torch.no_grad():
        for p in teacher.parameters():
            p.add_(0.1 * torch.randn_like(p))
            p.requires_grad_(False)
    teacher.eval()
    g = torch.Generator().manual_seed(12)
    batch = {
        "x": torch.rand(3, 3, 8, 8, generator=g) * 2 + 1,
        "y": torch.randint(0, 4, (3,), generator=g),
        "unlabelled": torch.rand(5, 3, 8, 8, generator=g) * 2 + 1,
    }

    def step(batch):
        torch.manual_seed(1)
        x = torch.cat((batch["x"], batch["unlabelled"]))
        noisy = x + 0.1 * torch.randn_like(x)
        logits = student(noisy)
        update_teacher(teacher, student, 0.9)
        with torch.no_grad():
            goal = teacher(x + 0.1 * torch.randn_like(x)).softmax(1)
        count = len(batch["y"])
        consistency = (logits.softmax(1) - goal).pow(2).mean()
        return {"sup_loss": F.cross_entropy(logits[:count], batch["y"]), "cons_loss": consistency}

    return {"modules": {"student": student, "teacher": teacher}, "batch": batch, "step": step}
