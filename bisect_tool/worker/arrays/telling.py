"""Whether an array says enough that another one with its values is the same, and not so by chance."""

from __future__ import annotations

import numpy as np

from . import Array, measure

ENOUGH = 24.0  # bits: of ten thousand pairs of variables less than one in a thousand is alike by chance
FRACTION = 15.0  # bits of a number that agrees to within rounding
FEWEST = 4  # numbers
DIGITS = 3  # of a fraction that may be written in the code, such as a weight of a loss
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
    return pattern + FRACTION * int(np.count_nonzero(_is_long(values.astype(np.float64)))) >= ENOUGH


def _is_long(values: Array) -> Array:
    """Return which numbers have more digits than one writes in code: they were computed."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) + 1 - DIGITS)
        rest = np.abs(values - np.round(values / unit) * unit)
        return np.asarray(np.isfinite(rest) & (rest > measure.ROUNDING * np.abs(values)) & (values != np.round(values)))
