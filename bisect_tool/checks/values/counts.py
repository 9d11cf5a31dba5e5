"""The reference's values times a number of elements: a sum for a mean, or the reverse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import LEAST_BITS, Evidence, Numbers, check, explains, relative, shown
from bisect_tool.checks.values.linear import factor_between


@check
def scaled_by_count(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say which number of elements the values are multiplied or divided by: a sum for a mean or the reverse."""
    factor = factor_between(numbers)
    if factor is None or numbers.bits < LEAST_BITS / 2 or not explains(numbers, factor * numbers.expected):
        return None
    bound = max(2 * numbers.floor, 2 * relative(numbers.value - factor * numbers.expected, numbers.value))
    if bound > 1e-4:
        return None
    for ratio, words in ((factor, "a sum for a mean"), (1 / factor, "a mean for a sum")):
        found = {name: count for name, count in counts(evidence).items() if abs(ratio / count - 1) <= bound}
        if 0 < len(found) <= 3:
            by = "times" if ratio == factor else "times smaller than"
            root = "" if any(name.startswith("the square root") for name in found) else f" ({words}?)"
            return f"is {shown(next(iter(found.values())))} {by} the reference's, which is {' or '.join(found)}{root}"
    return None


def counts(evidence: Evidence) -> dict[str, float]:
    """Return the numbers of elements that a sum may be divided by, with their names."""
    output, given = dict(_of_output(evidence)), dict(_of_input(evidence))
    found = output | {name: count for name, count in given.items() if output.get(name.removesuffix(" given")) != count}
    return {name: count for name, count in found.items() if count > 1}


def _of_output(evidence: Evidence) -> Iterator[tuple[str, float]]:
    shape = np.shape(evidence.expected)
    yield "the kernel's area", _product(evidence.settings.get("kernel_size"))
    if len(shape) > 1:
        channels = shape[1 if len(shape) > 3 else -1]
        yield "the batch size", shape[0]
        yield "the number of channels", channels
        yield "the square root of the number of channels", float(np.sqrt(channels))
    if len(shape) >= 4:
        yield "the output's pixels", float(np.prod(shape[2:]))
    heads = evidence.settings.get("num_heads")
    if isinstance(heads, int) and heads > 0 and shape:
        yield "the square root of the size of a head", float(np.sqrt(shape[-1] / heads))


def _of_input(evidence: Evidence) -> Iterator[tuple[str, float]]:
    if len(evidence.inputs) > 1:
        yield "the number of inputs", len(evidence.inputs)
    for array in evidence.inputs[:1]:
        shape = np.shape(array)
        if len(shape) > 1:
            yield "the batch size", shape[0]
            yield "the number of channels given", shape[1]
            yield "the length given", shape[-1]
            yield "the square root of the length given", float(np.sqrt(shape[-1]))
        if len(shape) >= 4:
            yield "the input's pixels", float(np.prod(shape[2:]))
        yield "the number of elements given", float(np.prod(shape))


def _product(value: Any) -> float:
    sides = value if isinstance(value, (list, tuple)) else [value, value]
    return float(np.prod(list(sides))) if all(isinstance(s, int) for s in sides) else 0.0
