"""The building blocks of YOLO11 in PyTorch; every feature map is (B, C, H, W)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolve, normalise, activate: (B, c1, H, W) to (B, c2, H/stride, W/stride)."""

    # One instance serves every block, so it appears once in the module tree, under the first block.
    silu = nn.SiLU()

    def __init__(self, c1: int, c2: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c2, eps=1e-3, momentum=0.03)
        self.act = self.silu if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class Concat(nn.Module):
    """Join feature maps of one size along their channels."""

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(maps), dim=1)


class Bottleneck(nn.Module):
    """Add two 3x3 convolutions of the input to the input; the shape stays."""

    def __init__(self, channels: int, e: float = 0.5) -> None:
        super().__init__()
        hidden = int(channels * e)
        self.cv1 = Conv(channels, hidden, 3)
        self.cv2 = Conv(hidden, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.cv2(self.cv1(x))


class C3k(nn.Module):
    """Send the input through two bottlenecks and past them, and join both ways; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.cv1 = Conv(channels, hidden)
        self.cv2 = Conv(channels, hidden)
        self.cv3 = Conv(2 * hidden, channels)
        self.m = nn.Sequential(*(Bottleneck(hidden, e=1.0) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))


class C3k2(nn.Module):
    """Split the channels, refine the second half ``n`` times, join every stage: (B, c1, ...) to (B, c2, ...)."""

    def __init__(self, c1: int, c2: int, n: int = 1, c3k: bool = False, e: float = 0.5) -> None:
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, 2 * hidden)
        self.cv2 = Conv((2 + n) * hidden, c2)
        self.m = nn.ModuleList(C3k(hidden) if c3k else Bottleneck(hidden) for _ in range(n))

    def forward(self, x: Tensor) -> Tensor:
        stages = list(self.cv1(x).chunk(2, dim=1))
        for block in self.m:
            stages.append(block(stages[-1]))
        return self.cv2(torch.cat(stages, dim=1))


class SPPF(nn.Module):
    """Pool three times in a chain and join all four scales; the shape stays."""

    def __init__(self, channels: int, kernel: int = 5) -> None:
        super().__init__()
        hidden = channels // 2
        self.cv1 = Conv(channels, hidden)
        self.cv2 = Conv(4 * hidden, channels)
        self.m = nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        scales = [self.cv1(x)]
        for _ in range(3):
            scales.append(self.m(scales[-1]))
        return self.cv2(torch.cat(scales, dim=1))


class Attention(nn.Module):
    """Let every position attend to all others, plus a depthwise positional term; the shape stays."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = channels // heads
        self.key_dim = self.head_dim // 2
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(channels, channels + 2 * heads * self.key_dim, act=False)
        self.proj = Conv(channels, channels, act=False)
        self.pe = Conv(channels, channels, 3, groups=channels, act=False)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(x).view(b, self.heads, 2 * self.key_dim + self.head_dim, h * w)
        q, k, v = qkv.split([self.key_dim, self.key_dim, self.head_dim], dim=2)
        attn = (q.transpose(-2, -1) @ k * self.scale).softmax(dim=-1)
        out = (v @ attn.transpose(-2, -1)).reshape(b, c, h, w)
        return self.proj(out + self.pe(v.reshape(b, c, h, w)))


class PSABlock(nn.Module):
    """Attention, then a feed-forward net, each added to its input; the shape stays."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(channels, heads)
        self.ffn = nn.Sequential(Conv(channels, 2 * channels), Conv(2 * channels, channels, act=False))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(x)
        return x + self.ffn(x)


class C2PSA(nn.Module):
    """Send one half of the channels through attention, keep the other, join; the shape stays."""

    def __init__(self, channels: int, n: int = 1) -> None:
        super().__init__()
        hidden = channels // 2
        self.cv1 = Conv(channels, 2 * hidden)
        self.cv2 = Conv(2 * hidden, channels)
        self.m = nn.Sequential(*(PSABlock(hidden, heads=hidden // 64) for _ in range(n)))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.cv1(x).chunk(2, dim=1)
        return self.cv2(torch.cat([a, self.m(b)], dim=1))
