"""The mean teacher as a trainer's method; functional batch norm."""

import torch
import torch.nn.functional as F
from torch import nn

FAULT = "none"


class Norm(nn.Module):
    def __init__(self, c, keep=0.9, eps=1e-5):
        super().__init__()
        self.keep, self.eps = keep, eps
        self.weight = nn.Parameter(torch.ones(c))
        self.bias = nn.Parameter(torch.zeros(c))
        self.register_buffer("running_mean", torch.zeros(c))
        self.register_buffer("running_var", torch.ones(c))

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        flat = x.detach().transpose(0, 1).flatten(1)
        mean = flat.mean(1)
        var = flat.var(1, unbiased=FAULT != "two")
        if FAULT == "momentum":
            self.running_mean = mean.lerp(self.running_mean, 1 - self.keep)
            self.running_var = var.lerp(self.running_var, 1 - self.keep)
        else:
            self.running_mean = mean.lerp(self.running_mean, self.keep)
            self.running_var = var.lerp(self.running_var, self.keep)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)


class ConvBlock(nn.Sequential):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.bn = Norm(c_out)
        self.act = nn.LeakyReLU(0.1)


class Net(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.block1 = ConvBlock(3, 10)
        self.block2 = ConvBlock(10, 14)
        self.fc = nn.Linear(14, n_classes)

    def forward(self, x):
        x = F.max_pool2d(self.block1(x), 2)
        x = F.dropout(x, 0.5, self.training)
        return self.fc(F.adaptive_avg_pool2d(self.block2(x), 1).flatten(1))


class Trainer:
    def __init__(self, decay=0.9):
        self.decay = decay
        self.student, self.teacher = Net(), Net()
        self.teacher.load_state_dict(self.student.state_dict())
        for p in self.teacher.parameters():
            p.data += 0.1 * torch.randn(p.shape)
        self.teacher.requires_grad_(False).eval()

    def follow(self):
        mine = dict(self.student.named_parameters())
        for name, p in self.teacher.named_parameters():
            if FAULT == "two":
                p.data = torch.lerp(p.data, mine[name].data, self.decay)
            else:
                p.data = torch.lerp(p.data, mine[name].data, 1 - self.decay)
        mine = dict(self.student.named_buffers())
        for name, b in self.teacher.named_buffers():
            b.data = mine[name].data.clone()

    def losses(self, batch):
        x = torch.cat([batch["x"], batch["unlabelled"]])
        logits = self.student(x + torch.randn(x.shape) * 0.1)
        self.follow()
        with torch.no_grad():
            goal = F.softmax(self.teacher(x + torch.randn(x.shape) * 0.1), dim=1)
        supervised = F.cross_entropy(logits[: len(batch["y"])], batch["y"])
        return {"sup_loss": supervised, "cons_loss": F.mse_loss(logits.softmax(1), goal)}


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    trainer = Trainer()
    g = torch.Generator().manual_seed(12)
    batch = {
        "x": torch.rand(3, 3, 8, 8, generator=g) * 2 + 1,
        "y": torch.randint(0, 4, (3,), generator=g),
        "unlabelled": torch.rand(5, 3, 8, 8, generator=g) * 2 + 1,
    }

    def step(batch):
        torch.manual_seed(1)
        return trainer.losses(batch)

    return {"modules": {"student": trainer.student, "teacher": trainer.teacher}, "batch": batch, "step": step}
