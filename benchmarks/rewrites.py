"""A faithful port in other words: the same mathematics, rounded otherwise; the port of the recipes of faithful.py.

`LAYERS` compute what a layer of a class computes in another way, `FUNCTIONS` what a function of the framework does, and
`SOURCES` write lines of the port's files otherwise. All are for the port's twin in torch.
"""

import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MethodType

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parent))

from mutant_build import port as built_port
from mutant_build import port_files


def port(recipe: str, *, rewrites: Sequence[str] = (), draw: int | None = None, **options: object) -> dict:
    """Build the port with some rewrites in it, by name.

    With a number for ``draw``: if one rewrite is given, for a single layer that the number chooses; if none is, each layer
    and each function takes one of those there are for it, or none, as the number draws.
    """
    rng = random.Random(draw)
    mixed = draw is not None and not rewrites
    sources = [name for name in SOURCES if (rng.random() < 0.5 if mixed else name in rewrites)]
    mutants = [{"edits": _edits(recipe, sources)}] if sources else []
    built = built_port(recipe, **({"mutants": mutants} if mutants else {}), **options)
    for name, ways in FUNCTIONS.items():
        chosen = [rng.choice([None, *ways])] if mixed else [way for way in ways if f"{name}: {way}" in rewrites]
        for module in (sys.modules["jittor"], sys.modules["jittor.nn"]) if any(chosen) else ():
            if hasattr(module, name):
                setattr(module, name, ways[chosen[0]])
    places = []
    for module in (m for top in built["modules"].values() for m in top.modules()):
        ways = LAYERS.get(type(module).__name__, {})
        free = [None, *(way for way in ways if _name(module, way) not in FORWARD_ONLY)]
        chosen = [rng.choice(free)] if mixed else [w for w in ways if _name(module, w) in rewrites]
        places += [(module, ways[way]) for way in chosen if way]
    for module, compute in [rng.choice(places)] if places and draw is not None and not mixed else places:
        object.__setattr__(module, "forward", MethodType(compute, module))
    return built


def names(recipe: str, modules: Mapping[str, nn.Module]) -> list[str]:
    """Return every rewrite that there is something for in a recipe's port."""
    classes = {type(m).__name__ for top in modules.values() for m in top.modules()}
    layers = [f"{cls}: {way}" for cls, ways in LAYERS.items() if cls in classes for way in ways]
    functions = [f"{name}: {way}" for name, ways in FUNCTIONS.items() for way in ways]
    used = [name for name in functions if re.search(rf"\b{name.partition(':')[0]}\(", _text(recipe))]
    return [*layers, *used, *(name for name in SOURCES if _edits(recipe, [name]))]


def _name(module: nn.Module, way: str) -> str:
    return f"{type(module).__name__}: {way}"


def _files(recipe: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in port_files(recipe)}


def _text(recipe: str) -> str:
    return "".join(_files(recipe).values())


def _edits(recipe: str, sources: Sequence[str]) -> list[dict]:
    """Return the edits of some rewrites of the port's lines; where two want the same text, the first has it."""
    edits: list[dict] = []
    for pattern, new in (pair for name in sources for pair in SOURCES[name]):
        for file, text in _files(recipe).items():
            for m in re.finditer(pattern, text, re.MULTILINE):
                if not any(e["file"] == file and e["start"] < m.end() and m.start() < e["end"] for e in edits):
                    edits.append({"file": file, "start": m.start(), "end": m.end(), "new": m.expand(new)})
    return edits


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
# What lines of the port's files say, and what they could say; some for one recipe only.
SOURCES: Mapping[str, Sequence[tuple[str, str]]] = {
    "sums backwards": (
        (r"(?<!rows)\.sum\(\)", ".reshape(-1).flip(0).sum()"),
        (r"\.(sum|mean)\((-?1)\b", r".flip(\2).\1(\2"),
    ),
    "sums in float64": ((r"(?<!rows)\.(sum|mean)\(([^()]*)\)", r".double().\1(\2).float32()"),),
    "all axes in one sum": ((r"\.sum\(-1\)\.sum\(\)", ".sum()"), (r"(?<=\w)(?<!rows)\.sum\(\)", ".sum(0).sum()")),
    "residuals the other way round": (
        (r"= x \+ (self\..*)$", r"= \1 + x"),
        (r"return x \+ (self\..*)$", r"return \1 + x"),
        (r"embedded \* gate \+ (resized\(.*\))$", r"\1 + gate * embedded"),
        (r"out \+ (self\.pe\(.*\))\)$", r"\1 + out)"),
    ),
    "scale on q": (
        (r"matmul\(q\.permute\(0, 1, 3, 2\), k\) \* self\.scale", "matmul((q * self.scale).permute(0, 1, 3, 2), k)"),
    ),
    "scale as a division": ((r", k\) \* self\.scale", ", k) / (self.key_dim**0.5)"),),
    "reciprocals": ((r" / total$", " * (1 / total)"), (r" / (strides|count|6)$", r" * (1 / \1)")),
    "powers": (
        (r"\.sqr\(\)", ".pow(2)"),
        (r"scores\.pow\(gamma\)", "scores * scores"),
        (r"\.pow\(4\)", ".sqr().sqr()"),
    ),
    "terms in another order": (
        (r"overlap - distance - alpha \* shape", "overlap - (distance + alpha * shape)"),
        (r"a_w \* a_h \+ b_w \* b_h - shared", "a_w * a_h - shared + b_w * b_h"),
        (r"overlap - \(distance \+ shape\) / 2", "overlap - shape / 2 - distance / 2"),
        (r"\(a_min \+ a_max - b_min - b_max\) / 2", "(a_min - b_min) / 2 + (a_max - b_max) / 2"),
    ),
    "other functions": (
        (r"jt\.arctan\((._w) / (\(._h \+ eps\))\)", r"\1.atan2(\2)"),
        (r"2 \* jt\.arctanh\(small / \(2 \+ small\)\)", "small.log1p()"),
        (r"\(1 - \((.*)\)\.exp\(\)\)\.sum", r"(-(\1).expm1()).sum"),
        (r"\(1 - \(-stretch\)\.exp\(\)\)", "(-(-stretch).expm1())"),
    ),
    "cross-entropies by terms": (
        (
            r"jt\.maximum\(logits, 0\) - logits \* targets",
            "jt.maximum(logits, 0) * (1 - targets) + jt.maximum(-logits, 0) * targets",
        ),
        (
            r"log_sum\.log\(\) - \(share \* shifted\)\.sum\(-1\)",
            "(share * (log_sum.log().unsqueeze(-1) - shifted)).sum(-1)",
        ),
        (r"-\((target \* \S+) \+ (.*)\)$", r"-(\1) - \2"),
    ),
    "chosen by sorting": (
        (r"metric\.topk\(topk\)\[1\]", "metric.argsort(-1, descending=True)[..., :topk]"),
        (r"level\.topk\((min\(TOPK, count\)), largest=False\)\[1\]", r"level.argsort(-1)[..., : \1]"),
    ),
}
