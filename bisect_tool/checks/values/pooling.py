"""Another pooling: average for maximum, other windows, padding counted or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, sure
from bisect_tool.checks.values.planes import Planes, planes

Pair = tuple[int, int]
Kind = Literal["max", "average", "min"]
KERNELS = (2, 3, 5, 7, 9, 13)
COMBINE: dict[Kind, Callable[[Array, Array], Array]] = {"average": np.add, "max": np.maximum, "min": np.minimum}


class Border(Enum):
    """What becomes of a window that reaches beyond the input; its value says so."""

    LEFT_OUT = ""
    ZEROS = "padded with zeros"
    COUNTED = "padding counted"
    NOT_COUNTED = "padding not counted"
    WHOLE = "whole windows counted"


@dataclass(frozen=True)
class Pooling:
    """A way to pool. Attributes: ``kind``, ``border``, ``kernel``, ``stride``, ``padding`` (rows, columns each)."""

    kind: Kind
    border: Border
    kernel: Pair
    stride: Pair
    padding: Pair

    def __str__(self) -> str:
        """Return '3x3 max pooling with stride 2 and padding 1'."""
        words = f"{self.kernel[0]}x{self.kernel[1]} {self.kind} pooling with stride {_side(self.stride)}"
        words += f" and padding {_side(self.padding)}"
        return f"{words} ({self.border.value})" if self.border.value and any(self.padding) else words


KINDS: tuple[tuple[Kind, Border], ...] = (
    ("max", Border.LEFT_OUT),
    ("average", Border.COUNTED),
    ("average", Border.NOT_COUNTED),
    ("average", Border.WHOLE),
    ("max", Border.ZEROS),
    ("min", Border.LEFT_OUT),
)


@check
def other_pooling(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say what pooling the port does, and what the reference."""
    maps = planes(evidence)
    if not maps or not sure(numbers) or np.ndim(evidence.value) != 4 or _is_adaptive(evidence, maps[0].out):
        return None
    theirs = _found(maps, evidence.settings, expected=True)
    ours = _found(maps, evidence.settings, expected=False) if theirs else None
    if ours is None or theirs is None or ours == theirs:
        return None
    return f"is {ours}, the reference {theirs}{_hint(evidence, ours, theirs)}"


def pooled(given: Array, way: Pooling, out: Pair) -> Array | None:
    """Return maps (P, H, W) pooled, or None if this way does not give maps of that size."""
    counts: list[Array] = []
    result = given
    for axis in (0, 1):
        side, kernel, stride, padding = given.shape[axis + 1], way.kernel[axis], way.stride[axis], way.padding[axis]
        room = side + 2 * padding - kernel
        if room < 0 or padding >= kernel or out[axis] not in (room // stride + 1, -(-room // stride) + 1):
            return None
        starts = np.arange(out[axis]) * stride - padding
        if starts[-1] >= side:
            return None
        result = _reduced(result, axis + 1, way, starts[-1] + kernel - side)
        counts.append(_counts(starts, starts + kernel, side, padding, way.border))
    return result / (counts[0][:, None] * counts[1]) if way.kind == "average" else result


def _counts(starts: Array, ends: Array, side: int, padding: int, border: Border) -> Array:
    """Return by how many numbers along an axis the sum of each window is divided."""
    if border is Border.COUNTED:
        return np.minimum(ends, side + padding) - starts
    return np.minimum(ends, side) - np.maximum(starts, 0) if border is Border.NOT_COUNTED else ends - starts


def _reduced(given: Array, axis: int, way: Pooling, beyond: int) -> Array:
    """Return the largest, smallest or the sum of each window along one axis."""
    fill = {"max": -np.inf, "min": np.inf}[way.kind] if way.border is Border.LEFT_OUT else 0.0
    kernel, stride = way.kernel[axis - 1], way.stride[axis - 1]
    pad = [(0, 0)] * given.ndim
    pad[axis] = (way.padding[axis - 1], max(beyond, 0))
    whole = np.moveaxis(np.pad(given, pad, constant_values=fill), axis, 0)
    combine = COMBINE[way.kind]
    count = (beyond - kernel + given.shape[axis] + way.padding[axis - 1]) // stride + 1
    result = whole[: (count - 1) * stride + 1 : stride]
    for shift in range(1, kernel):
        result = combine(result, whole[shift : shift + (count - 1) * stride + 1 : stride])
    return np.moveaxis(result, 0, axis)


def _found(maps: list[Planes], settings: Mapping[str, Any], *, expected: bool) -> Pooling | None:
    few, some = maps
    for way in ways(few.given.shape[1:], few.out, settings):
        guess = pooled(few.given, way, few.out)
        if guess is not None and explains(few.numbers, guess, expected=expected):
            guess = pooled(some.given, way, some.out)
            if guess is not None and explains(some.numbers, guess, expected=expected):
                return way
    return None


def ways(sides: tuple[int, ...], out: Pair, settings: Mapping[str, Any]) -> Iterator[Pooling]:
    """Yield poolings to try on maps with these sides: the settings' own first."""
    own = _pair(settings.get("kernel_size"))
    ratio = tuple(max(1, round(side / short)) for side, short in zip(sides, out, strict=True))
    seen = set()
    for kernel in (own, *((k, k) for k in KERNELS)):
        if kernel is None:
            continue
        strides = (_pair(settings.get("stride")) or own, (ratio[0], ratio[1]), (1, 1), (2, 2), kernel)
        half = (kernel[0] // 2, kernel[1] // 2)
        paddings = (_pair(settings.get("padding")), half, (0, 0), (1, 1))
        for stride, padding, (kind, border) in itertools.product(strides, paddings, KINDS):
            if stride is None or padding is None or min(*stride, *kernel) < 1 or min(padding) < 0:
                continue
            way = Pooling(kind, border, kernel, stride, padding)
            if way not in seen:
                seen.add(way)
                yield way


def _hint(evidence: Evidence, ours: Pooling, theirs: Pooling) -> str:
    if not ours.kind == theirs.kind == "average":
        return ""
    if theirs.border is Border.NOT_COUNTED:
        return evidence.hint("padding counted")
    return evidence.hint("whole windows") if ours.border is Border.WHOLE else ""


def _is_adaptive(evidence: Evidence, out: Pair) -> bool:
    return "output_size" in evidence.settings or (out == (1, 1) and "kernel_size" not in evidence.settings)


def _pair(value: Any) -> Pair | None:
    sides = value if isinstance(value, (list, tuple)) else [value, value]
    if len(sides) == 1:
        sides = [*sides, *sides]
    return (sides[0], sides[1]) if len(sides) == 2 and all(type(s) is int for s in sides) else None


def _side(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
