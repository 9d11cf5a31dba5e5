"""Whether an array says enough that another one with its values is the same, and not so by chance."""

from __future__ import annotations

import numpy as np

from . import Array, measure

ENOUGH = 24.0  # bits: of ten thousand pairs of variables less than one in a thousand is alike by chance
FRACTION = 15.0  # bits of a number that agrees to within rounding
FEWEST = 4  # numbers
CONSTANTS = 2  # fractions that code may have written in it, such as the two weights of a loss
MOST = 65536


def is_telling(array: Array) -> bool:
    """Tell whether values say enough: zeros, a constant, a few small whole numbers or a mask of few places do not."""
    flat = measure.real(array).reshape(-1)
    flat = flat[:: -(-flat.size // MOST) or 1]
    if flat.size < FEWEST:
        return False
    values, counts = np.unique(flat, return_counts=True)
    shares = counts / flat.size
    pattern = float(-(counts * np.log2(shares)).sum())
    if flat.dtype.kind != "f":
        return pattern >= ENOUGH
    with np.errstate(all="ignore"):
        fractions = np.count_nonzero(np.isfinite(values) & (values != np.round(values)))
    return pattern + FRACTION * max(0, int(fractions) - CONSTANTS) >= ENOUGH
