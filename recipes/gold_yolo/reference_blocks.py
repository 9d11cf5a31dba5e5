"""The building blocks of Gold-YOLO in PyTorch; every feature map is (B, C, H, W)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolve without bias, normalise, activate: (B, c1, H, W) to (B, c2, H, W)."""

    def __init__(self, c1: int, c2: int, kernel: int = 1, act: type[nn.Module] = nn.SiLU) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = act(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class BiasedConv(nn.Module):
    """Convolve with bias, normalise, activate: (B, c1, H, W) to (B, c2, H/stride, W/stride)."""

    def __init__(self, c1: int, c2: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, 3, stride, padding=1)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class ConvWrapper(nn.Module):
    """Stand where a RepVGG block could stand: a 3x3 ``BiasedConv``."""

    def __init__(self, c1: int, c2: int, stride: int = 1) -> None:
        super().__init__()
        self.block = BiasedConv(c1, c2, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class RepBlock(nn.Module):
    """Chain ``n`` wrapped convolutions of one width; the shape stays."""

    def __init__(self, channels: int, n: int) -> None:
        super().__init__()
        self.conv1 = ConvWrapper(channels, channels)
        self.block = nn.Sequential(*(ConvWrapper(channels, channels) for _ in range(n - 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.conv1(x))


class CSPSPPF(nn.Module):
    """Pool one branch over three growing windows, send the other past it, join both; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.cv1 = Conv(channels, hidden)
        self.cv2 = Conv(channels, hidden)
        self.cv3 = Conv(hidden, hidden, 3)
        self.cv4 = Conv(hidden, hidden)
        self.m = nn.MaxPool2d(5, stride=1, padding=2)
        self.cv5 = Conv(4 * hidden, hidden)
        self.cv6 = Conv(hidden, hidden, 3)
        self.cv7 = Conv(2 * hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        pooled = [self.cv4(self.cv3(self.cv1(x)))]
        for _ in range(3):
            pooled.append(self.m(pooled[-1]))
        return self.cv7(torch.cat([self.cv2(x), self.cv6(self.cv5(torch.cat(pooled, dim=1)))], dim=1))


class NormedConv(nn.Module):
    """Convolve 1x1 without bias and normalise, in the attention blocks: (B, c1, H, W) to (B, c2, H, W)."""

    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.c = nn.Conv2d(c1, c2, 1, bias=False)
        self.bn = nn.BatchNorm2d(c2)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.c(x))


class Attention(nn.Module):
    """Attend from every place to every place, with ``heads`` heads; the shape stays."""

    def __init__(self, channels: int, heads: int, key: int, value: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = NormedConv(channels, heads * key)
        self.to_k = NormedConv(channels, heads * key)
        self.to_v = NormedConv(channels, heads * value)
        self.proj = nn.Sequential(nn.ReLU6(inplace=True), NormedConv(heads * value, channels))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        q, k, v = (to(x).view(b, self.heads, -1, h * w) for to in (self.to_q, self.to_k, self.to_v))
        weights = (q.transpose(2, 3) @ k).softmax(dim=-1)  # (B, heads, from, to); the scores are not scaled
        return self.proj((v @ weights.transpose(2, 3)).reshape(b, -1, h, w))


class Mlp(nn.Module):
    """Mix channels, then each channel with its neighbours, then channels again; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = NormedConv(channels, channels)
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.act = nn.ReLU6(inplace=True)
        self.fc2 = NormedConv(channels, channels)
        self.drop = nn.Dropout(0)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.dwconv(self.fc1(x))))))


class DropPath(nn.Module):
    """Set whole samples of a residual to zero at random while training, and scale the others up; the shape stays."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drop_prob == 0:
            return x
        keep = 1 - self.drop_prob
        return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(keep) / keep


class TopBlock(nn.Module):
    """Attention and mixing, each added to what it reads; the shape stays."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.attn = Attention(channels, heads=4, key=8, value=16)
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(x))
        return x + self.drop_path(self.mlp(x))


class TopBasicLayer(nn.Module):
    """Two attention blocks, the second with a residual that is dropped now and then; the shape stays."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList([TopBlock(channels, 0.0), TopBlock(channels, drop_path)])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.transformer_blocks:
            x = block(x)
        return x


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bilinearly to (h, w), the centres of the corner pixels not aligned."""
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
