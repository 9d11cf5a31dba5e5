"""What layers and functions of PyTorch compute, computed in another way: the same mathematics, rounded otherwise."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn


def _biased(conv: nn.Conv2d, out: Tensor) -> Tensor:
    return out if conv.bias is None else out + conv.bias.reshape(1, -1, 1, 1)


def _unfolded(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve as one product of matrices, of all windows in columns."""
    b, (h, w) = len(x), _size(conv, x)
    columns = F.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)
    weight = conv.weight.reshape(conv.groups, conv.out_channels // conv.groups, -1)
    return _biased(conv, (weight @ columns.reshape(b, conv.groups, -1, h * w)).reshape(b, -1, h, w))


def _by_taps(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve as a sum over the kernel's places, each an einsum of a shifted image."""
    b, (h, w), (p, q), (s, t) = len(x), _size(conv, x), conv.padding, conv.stride
    padded = F.pad(x, (q, q, p, p)).reshape(b, conv.groups, -1, x.shape[2] + 2 * p, x.shape[3] + 2 * q)
    weight = conv.weight.reshape(conv.groups, conv.out_channels // conv.groups, -1, *conv.kernel_size)
    taps = [(i, j) for i in range(conv.kernel_size[0]) for j in range(conv.kernel_size[1])]
    parts = (padded[..., i : i + s * (h - 1) + 1 : s, j : j + t * (w - 1) + 1 : t] for i, j in taps)
    out = sum(torch.einsum("bgchw,goc->bgohw", x, weight[..., i, j]) for x, (i, j) in zip(parts, taps, strict=True))
    return _biased(conv, out.reshape(b, -1, h, w))


def _size(conv: nn.Conv2d, x: Tensor) -> tuple[int, ...]:
    every = zip(x.shape[2:], conv.padding, conv.kernel_size, conv.stride, strict=True)
    return tuple((length + 2 * pad - kernel) // stride + 1 for length, pad, kernel, stride in every)


def _outputs_apart(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve half of the output channels, or of the groups, at a time."""
    xs = (x, x) if conv.groups == 1 else x.chunk(2, 1)
    parts = zip(xs, conv.weight.chunk(2), strict=True)
    groups = max(1, conv.groups // 2)
    return _biased(conv, torch.cat([F.conv2d(x, w, None, conv.stride, conv.padding, 1, groups) for x, w in parts], 1))


def _inputs_apart(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve half of the input channels at a time, and add."""
    if conv.groups > 1:
        return _outputs_apart(conv, x)
    parts = zip(x.chunk(2, 1), conv.weight.chunk(2, 1), strict=True)
    return _biased(conv, sum(F.conv2d(x, w, None, conv.stride, conv.padding) for x, w in parts))


def _convolved(conv: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
    bias = None if conv.bias is None else conv.bias.to(weight.dtype)
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def _conv_in_float64(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return _convolved(conv, x.double(), conv.weight.double()).to(x.dtype)


def _channels_last(conv: nn.Conv2d, x: Tensor) -> Tensor:
    weight = conv.weight.contiguous(memory_format=torch.channels_last)
    return _convolved(conv, x.contiguous(memory_format=torch.channels_last), weight)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean((0, 2, 3))
    return mean, (x * x).mean((0, 2, 3)) - mean * mean


def _two_passes(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.sum((3, 2, 0)) / (x.numel() // x.shape[1])
    return mean, (x - mean.reshape(1, -1, 1, 1)).square().flip(0, 2, 3).mean((0, 2, 3))


def _remember(norm: nn.BatchNorm2d, x: Tensor, mean: Tensor, variance: Tensor) -> None:
    count = x.numel() // x.shape[1]
    with torch.no_grad():
        norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), norm.momentum)
        norm.running_var.lerp_((variance * (count / (count - 1))).to(norm.running_var.dtype), norm.momentum)
        norm.num_batches_tracked += 1


def _normalised(moments: Callable[[Tensor], tuple[Tensor, Tensor]], *, folded: bool, wide: bool = False) -> Callable:
    """Return a batch norm that gets mean and variance in this way; ``folded``: as one scale and one shift."""

    def forward(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
        used = x.double() if wide else x
        mean, variance = moments(used)
        _remember(norm, x, mean.detach(), variance.detach())
        weight, bias = norm.weight.to(used.dtype), norm.bias.to(used.dtype)
        if folded:
            scale = weight * torch.rsqrt(variance + norm.eps)
            out = used * scale.reshape(1, -1, 1, 1) + (bias - mean * scale).reshape(1, -1, 1, 1)
        else:
            mean, root = (v.reshape(1, -1, 1, 1) for v in (mean, (variance + norm.eps).sqrt()))
            out = (used - mean) / root * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)
        return out.to(x.dtype)

    return forward


def _pooled(largest: Callable[[Tensor], Tensor]) -> Callable:
    def forward(pool: nn.MaxPool2d, x: Tensor) -> Tensor:
        p, k, s = pool.padding, pool.kernel_size, pool.stride
        return largest(F.pad(x, (p, p, p, p), value=float("-inf")).unfold(2, k, s).unfold(3, k, s).flatten(-2))

    return forward


def _repeated(_up: nn.Upsample, x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def _indexed(_up: nn.Upsample, x: Tensor) -> Tensor:
    rows, columns = (torch.arange(2 * length) // 2 for length in x.shape[2:])
    return x[:, :, rows[:, None], columns]


def _concatenated(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Write the parts into a buffer, the last one first."""
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    buffer, end = parts[0].new_empty(shape), shape[dim]
    for part in reversed(parts):
        end -= part.shape[dim]
        buffer.narrow(dim, end, part.shape[dim]).copy_(part)
    return buffer


def _resized(x: Tensor, size: Sequence[int], mode: str, *, align_corners: bool) -> Tensor:
    """Resize bilinearly by two products of matrices."""
    assert mode == "bilinear"
    assert not align_corners

    def weights(given: int, wanted: int) -> Tensor:
        place = ((torch.arange(wanted, dtype=torch.float64) + 0.5) * given / wanted - 0.5).clamp(0, given - 1)
        return (1 - (place[:, None] - torch.arange(given)).abs()).clamp(min=0).to(x.dtype)

    rows, columns = (weights(given, wanted) for given, wanted in zip(x.shape[2:], size, strict=True))
    return torch.einsum("hi,bcij,wj->bchw", rows, x, columns)


def _wide(function: Callable) -> Callable:
    return lambda *args, **how: function(*(a.double() for a in args), **how).to(args[0].dtype)


PRODUCTS = {
    "einsum": lambda a, b: torch.einsum("...ij,...jk->...ik", a, b),
    "transposed": lambda a, b: (b.transpose(-1, -2) @ a.transpose(-1, -2)).transpose(-1, -2),
    "multiplied and added": lambda a, b: (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2),
    "float64": _wide(torch.matmul),
}
LAYERS: Mapping[str, Mapping[str, Callable]] = {
    "Conv2d": {
        "unfold and matmul": _unfolded,
        "sum over taps, einsum": _by_taps,
        "outputs apart": _outputs_apart,
        "inputs apart": _inputs_apart,
        "channels last": _channels_last,
        "float64": _conv_in_float64,
    },
    "BatchNorm2d": {
        "E[x^2] - E[x]^2": _normalised(_moments, folded=False),
        "E[x^2] - E[x]^2, folded": _normalised(_moments, folded=True),
        "two passes, folded": _normalised(_two_passes, folded=True),
        "two passes, in parts": _normalised(_two_passes, folded=False),
        "float64": _normalised(_moments, folded=True, wide=True),
    },
    "SiLU": {
        "x / (1 + exp(-x))": lambda _m, x: x / (1 + (-x).exp()),
        "x sigmoid(x)": lambda _m, x: x * x.sigmoid(),
        "by tanh": lambda _m, x: x * 0.5 * (1 + (x * 0.5).tanh()),
        "in place": lambda _m, x: F.silu(x, inplace=True),
        "float64": lambda _m, x: F.silu(x.double()).to(x.dtype),
    },
    "ReLU": {
        "x (x > 0)": lambda _m, x: x * (x > 0).to(x.dtype),
        "where": lambda _m, x: torch.where(x > 0, x, torch.zeros_like(x)),
        "in place": lambda _m, x: F.relu(x, inplace=True),
    },
    "ReLU6": {"two ReLUs": lambda _m, x: x.relu() - (x - 6).relu(), "in place": lambda _m, x: F.relu6(x, inplace=True)},
    "MaxPool2d": {"unfold and max": _pooled(lambda x: x.max(-1)[0]), "unfold and amax": _pooled(lambda x: x.amax(-1))},
    "Upsample": {"repeated": _repeated, "indexed": _indexed},
}
FORWARD_ONLY = ("MaxPool2d: unfold and amax",)  # where several are largest, each gets a share of the gradient
FUNCTIONS: Mapping[str, Mapping[str, Callable]] = {
    "softmax": {
        "no maximum": lambda x, dim: x.exp() / x.exp().sum(dim, keepdim=True),
        "by logsumexp": lambda x, dim: (x - x.logsumexp(dim, keepdim=True)).exp(),
        "float64": _wide(torch.softmax),
    },
    "concat": {"into a buffer": _concatenated},
    "matmul": PRODUCTS,
    "bmm": PRODUCTS,
    "interpolate": {"by matrices": _resized, "float64": _wide(F.interpolate)},
}
