"""Boxes in another format: corners for centre and size, or the reverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, check, explains, sure


def _corners(first: Array, last: Array) -> tuple[Array, Array]:
    return first - last / 2, first + last / 2


# What comes of the first and the last two numbers of a box.
FORMATS: Mapping[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "centre and size, the reference the two corners": lambda first, last: ((first + last) / 2, last - first),
    "the two corners, the reference centre and size": _corners,
    "one corner and size, the reference the two corners": lambda first, last: (first, last - first),
    "the two corners, the reference one corner and size": lambda first, last: (first, first + last),
    "centre and size, the reference one corner and size": lambda first, last: (first + last / 2, last),
    "one corner and size, the reference centre and size": lambda first, last: (first - last / 2, last),
}


@check
def box_format(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say in which format the boxes are, along an axis of four numbers."""
    expected = numbers.expected
    for axis in range(expected.ndim):
        if expected.shape[axis] != 4 or not sure(numbers):
            continue
        first, last = np.split(expected, 2, axis)
        for words, converted in FORMATS.items():
            if explains(numbers, np.concatenate(converted(first, last), axis)):
                return f"has boxes (axis {axis}) as {words}"
    return None
