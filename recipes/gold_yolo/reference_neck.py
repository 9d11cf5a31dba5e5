"""The gather-and-distribute neck of Gold-YOLO in PyTorch (arXiv 2309.11331); every feature map is (B, C, H, W)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_blocks import Conv, ConvWrapper, RepBlock, TopBasicLayer, resized


class SimFusion4in(nn.Module):
    """Bring four maps to the third one's size and join their channels."""

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        largest, large, middle, small = maps
        size = middle.shape[2:]
        pooled = [F.adaptive_avg_pool2d(x, size) for x in (largest, large)]
        return torch.cat([*pooled, middle, resized(small, size)], dim=1)


class SimFusion3in(nn.Module):
    """Bring three neighbouring maps to the middle one's size, join and mix them: ``channels`` each."""

    def __init__(self, middle: int, channels: int) -> None:
        super().__init__()
        self.cv1 = Conv(middle, channels, act=nn.ReLU)
        self.cv_fuse = Conv(3 * channels, channels, act=nn.ReLU)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        large, middle, small = maps
        size = middle.shape[2:]
        return self.cv_fuse(
            torch.cat([F.adaptive_avg_pool2d(large, size), self.cv1(middle), resized(small, size)], dim=1)
        )


class AdvPoolFusion(nn.Module):
    """Pool the larger of two maps to the other one's size and join their channels."""

    def forward(self, large: Tensor, small: Tensor) -> Tensor:
        return torch.cat([F.adaptive_avg_pool2d(large, small.shape[2:]), small], dim=1)


class PyramidPoolAgg(nn.Module):
    """Pool maps to the last one's size divided by ``stride``, rounded up, and join their channels."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        size = [(length - 1) // self.stride + 1 for length in maps[-1].shape[2:]]
        return torch.cat([F.adaptive_avg_pool2d(x, size) for x in maps], dim=1)


class LinearConv(nn.Module):
    """Convolve 1x1 without bias and normalise; the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class HardSigmoid(nn.Module):
    """Rise in a straight line from 0 at -3 to 1 at 3."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + 3) / 6


class Inject(nn.Module):
    """Gate the local map by the global one and add the global one: the local map's shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local_embedding = LinearConv(channels)
        self.global_embedding = LinearConv(channels)
        self.global_act = LinearConv(channels)
        self.act = HardSigmoid()

    def forward(self, local: Tensor, overall: Tensor) -> Tensor:
        size = local.shape[2:]
        embedded = self.local_embedding(local)
        gate = resized(self.act(self.global_act(overall)), size)
        return embedded * gate + resized(self.global_embedding(overall), size)


class RepGDNeck(nn.Module):
    """Gather four maps, distribute them to two levels, gather three of these and distribute them again.

    Takes maps at strides 4, 8, 16 and 32 with 32, 64, 128 and 256 channels; returns maps at strides 8, 16 and 32
    with 32, 64 and 128 channels.
    """

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.low_FAM = SimFusion4in()
        self.low_IFM = nn.Sequential(Conv(480, 96), *(ConvWrapper(96, 96) for _ in range(3)), Conv(96, 96))
        self.reduce_layer_c5 = Conv(256, 64, act=nn.ReLU)
        self.LAF_p4 = SimFusion3in(128, 64)
        self.Inject_p4 = Inject(64)
        self.Rep_p4 = RepBlock(64, 4)
        self.reduce_layer_p4 = Conv(64, 32, act=nn.ReLU)
        self.LAF_p3 = SimFusion3in(64, 32)
        self.Inject_p3 = Inject(32)
        self.Rep_p3 = RepBlock(32, 4)
        self.high_FAM = PyramidPoolAgg(stride=2)
        self.high_IFM = TopBasicLayer(352, drop_path)
        self.conv_1x1_n = nn.Conv2d(352, 192, 1)
        self.LAF_n4 = AdvPoolFusion()
        self.Inject_n4 = Inject(64)
        self.Rep_n4 = RepBlock(64, 4)
        self.LAF_n5 = AdvPoolFusion()
        self.Inject_n5 = Inject(128)
        self.Rep_n5 = RepBlock(128, 4)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        c2, c3, c4, c5 = maps

        low4, low3 = self.low_IFM(self.low_FAM(maps)).split([64, 32], dim=1)
        c5_half = self.reduce_layer_c5(c5)
        p4 = self.Rep_p4(self.Inject_p4(self.LAF_p4([c3, c4, c5_half]), low4))
        p4_half = self.reduce_layer_p4(p4)
        p3 = self.Rep_p3(self.Inject_p3(self.LAF_p3([c2, c3, p4_half]), low3))

        high4, high5 = self.conv_1x1_n(self.high_IFM(self.high_FAM([p3, p4, c5]))).split([64, 128], dim=1)
        n4 = self.Rep_n4(self.Inject_n4(self.LAF_n4(p3, p4_half), high4))
        n5 = self.Rep_n5(self.Inject_n5(self.LAF_n5(n4, c5_half), high5))
        return [p3, n4, n5]
