"""Whether an array says enough that another one with its values is the same, and not so by chance; or no more than its shape."""

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


def is_computed(array: Array) -> bool:
    """Tell whether values say enough for a few to compare them with, as ``is_telling`` does, or are fractions of many digits."""
    flat = measure.real(array).reshape(-1)
    return is_telling(array) or bool(
        0 < flat.size < FEWEST and flat.dtype.kind == "f" and _is_long(flat.astype(np.float64)).all()
    )


def follows_from_shape(array: Array) -> bool:
    """Tell whether an array holds nothing but what its shape tells: zeros, ones, positions in order, a causal mask.

    Along its other axes it may be repeated.
    """
    if array.dtype.kind not in "fiub" or not array.size:
        return False
    if array.min() == array.max():
        return array.flat[0] in (0, 1)
    row = array.reshape(-1, array.shape[-1])
    if array.shape[-1] >= FEWEST and (row == np.arange(array.shape[-1])).all():
        return True
    if array.ndim < 2 or array.shape[-1] < FEWEST:
        return False
    maps = measure.shut(array).reshape((-1, *array.shape[-2:]))
    return maps.dtype.kind == "b" and _is_causal(maps)


def _is_causal(maps: Array) -> bool:
    """Tell whether each place has what comes after it marked, or what does not; the last place has all before it."""
    rows, columns = maps.shape[1:]
    after = np.triu(np.ones((rows, columns), bool), 1 + columns - rows)
    return bool((maps == after).all() or (maps == ~after).all())


def _is_long(values: Array) -> Array:
    """Return which numbers have more digits than one writes in code: they were computed."""
    with np.errstate(all="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(values))) + 1 - DIGITS)
        rest = np.abs(values - np.round(values / unit) * unit)
        return np.asarray(np.isfinite(rest) & (rest > measure.ROUNDING * np.abs(values)) & (values != np.round(values)))
