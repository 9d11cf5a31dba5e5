"""The reference's values times a number of elements: a sum for a mean, or the reverse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bisect_tool.checks.values.evidence import LEAST_BITS, Evidence, Numbers, check, explains, relative, shown
from bisect_tool.checks.values.linear import factor_between


@dataclass(frozen=True)
class ElementCount:
    """A number of elements that a sum may be divided by.

    Attributes: ``what`` is counted, the ``number``, whether it is the ``root`` of that, and whether it is ``given``: of an input
    where the output has one of the same name.
    """

    what: str
    number: float
    root: bool = False
    given: bool = False

    def __str__(self) -> str:
        """Return 'the square root of the number of channels given'."""
        return f"{'the square root of ' if self.root else ''}the {self.what}{' given' if self.given else ''}"


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
        found = [count for count in counts(evidence) if abs(ratio / count.number - 1) <= bound]
        if 0 < len(found) <= 3:
            by = "times" if ratio == factor else "times smaller than"
            sum_or_mean = "" if any(count.root for count in found) else f" ({words}?)"
            which = " or ".join(map(str, found))
            return f"is {shown(found[0].number)} {by} the reference's, which is {which}{sum_or_mean}"
    return None


def counts(evidence: Evidence) -> list[ElementCount]:
    """Return the numbers of elements that a sum may be divided by."""
    found = {str(count): count for count in _of_output(evidence)}
    numbers = {(count.what, count.root): count.number for count in found.values()}
    for count in _of_input(evidence):
        if numbers.get((count.what, count.root)) != count.number:
            found[str(count)] = count
    return [count for count in found.values() if count.number > 1]


def _of_output(evidence: Evidence) -> Iterator[ElementCount]:
    shape = np.shape(evidence.expected)
    yield ElementCount("kernel's area", _product(evidence.settings.get("kernel_size")))
    if len(shape) > 1:
        channels = shape[1 if len(shape) > 3 else -1]
        yield ElementCount("batch size", shape[0])
        yield ElementCount("number of channels", channels)
        yield ElementCount("number of channels", float(np.sqrt(channels)), root=True)
    if len(shape) >= 4:
        yield ElementCount("output's pixels", float(np.prod(shape[2:])))
    heads = evidence.settings.get("num_heads")
    if isinstance(heads, int) and heads > 0 and shape:
        yield ElementCount("size of a head", float(np.sqrt(shape[-1] / heads)), root=True)


def _of_input(evidence: Evidence) -> Iterator[ElementCount]:
    if len(evidence.inputs) > 1:
        yield ElementCount("number of inputs", len(evidence.inputs))
    for array in evidence.inputs[:1]:
        shape = np.shape(array)
        if len(shape) > 1:
            yield ElementCount("batch size", shape[0])
            yield ElementCount("number of channels", shape[1], given=True)
            yield ElementCount("length", shape[-1], given=True)
            yield ElementCount("length", float(np.sqrt(shape[-1])), root=True, given=True)
        if len(shape) >= 4:
            yield ElementCount("input's pixels", float(np.prod(shape[2:])))
        yield ElementCount("number of elements", float(np.prod(shape)), given=True)


def _product(value: Any) -> float:
    sides = value if isinstance(value, (list, tuple)) else [value, value]
    return float(np.prod(list(sides))) if all(isinstance(s, int) for s in sides) else 0.0
