"""The temporal network without dropouts; branches have short names and another order."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

FAULT = "none"


def unit(c_in, c_out, k):
    out = nn.Sequential()
    out.add_module("conv", nn.Conv1d(c_in, c_out, k, padding=(k - 1) // 2, bias=False))
    out.add_module("bn", nn.BatchNorm1d(c_out, eps=0.001))
    out.add_module("relu", nn.ReLU())
    return out


class Inception(nn.Module):
    def __init__(self, c_in, c=6):
        super().__init__()
        self.bp = unit(c_in, c, 1)
        self.b5 = nn.Sequential(unit(c_in, c, 1), unit(c, c, 5))
        self.b3 = nn.Sequential(unit(c_in, c, 1), unit(c, c, 3))
        self.b1 = unit(c_in, c, 1)

    def forward(self, x):
        yp = self.bp(F.avg_pool1d(x, kernel_size=3, stride=1, padding=1))
        y5 = self.b5(x)
        y3 = self.b3(x)
        y1 = self.b1(x)
        if FAULT in ("order", "two"):
            return torch.cat([yp, y5, y3, y1], dim=1)
        return torch.cat([y1, y3, y5, yp], dim=1)


class CausalBlock(nn.Module):
    def __init__(self, c_in, c_out, k, dilation):
        super().__init__()
        self.pad = ((k - 1) * dilation, 0)
        self.mode = "replicate" if FAULT == "two" else "constant"
        self.conv1 = weight_norm(nn.Conv1d(c_in, c_out, k, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(c_out, c_out, k, dilation=dilation))
        if c_in != c_out:
            self.downsample = nn.Conv1d(c_in, c_out, 1)

    def forward(self, x):
        y = self.conv1(F.pad(x, self.pad, mode=self.mode)).relu()
        y = self.conv2(F.pad(y, self.pad, mode=self.mode)).relu()
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        return (x + y).relu()


class Net(nn.Module):
    def __init__(self, c_in=4, n_classes=3):
        super().__init__()
        self.inception1 = Inception(c_in)
        self.inception2 = Inception(24)
        blocks = [CausalBlock(24 if i == 0 else 16, 16, 3, 2**i) for i in range(3)]
        self.tcn = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, n_classes))

    def forward(self, x):
        x = self.inception2(self.inception1(x))
        return self.head(self.tcn(x).permute(0, 2, 1))


def build(seed=0, fault="none"):
    global FAULT
    FAULT = fault
    torch.manual_seed(seed)
    net = Net()
    g = torch.Generator().manual_seed(4)
    batch = {"x": torch.randn(3, 4, 20, generator=g), "y": torch.randint(0, 3, (3, 20), generator=g)}

    def step(batch):
        logits = net(batch["x"])
        return {"loss": F.cross_entropy(logits.transpose(1, 2), batch["y"])}

    return {"modules": {"net": net}, "batch": batch, "step": step}
