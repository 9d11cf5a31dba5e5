"""Numbers about arrays: content hash, statistics, and the difference of two values. numpy only."""

import zlib

import numpy as np


def digest(array):
    """Return the content hash of an array: CRC-32 of its bytes, and their number.

    It guards against accidents (a patch that did not land, a damaged file), at a third of what a
    cryptographic hash costs while a model is being recorded.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    return "%08x-%d" % (zlib.crc32(flat.view(np.uint8)), flat.nbytes)


def statistics(array):
    """Return mean, std, min and max as floats; NaN and infinity show as such, an empty array has none."""
    if array.size == 0 or array.dtype.kind not in "fiub":
        return {}
    values = array.astype(np.float64) if array.dtype != np.float32 else array
    with np.errstate(all="ignore"):
        mean = float(values.mean(dtype=np.float64))
        flat = values.reshape(-1)
        low, high = float(values.min()), float(values.max())
        apart = flat - flat.dtype.type(mean)  # the mean first: squares of large values would drown the spread
        std = 0.0 if low == high else float(np.sqrt(float(np.dot(apart, apart)) / flat.size))
        return {"mean": mean, "std": std, "min": low, "max": high}


def variation(array):
    """Return max - min of the values, within a channel (axis 1) where there are channels and places: 0 for no signal."""
    if array.size == 0 or array.dtype.kind != "f":
        return None
    if array.ndim >= 3:
        axes = (0,) + tuple(range(2, array.ndim))
        return float(np.max(array.max(axis=axes) - array.min(axis=axes)))
    return float(array.max() - array.min())


def difference(value, expected):
    """Compare two arrays: relative error (rms of the difference over rms of the expected), or why they do not compare.

    Returns ``{"error": float}`` or ``{"mismatch": sentence}``. Integers and booleans give 0 or the share
    of unequal elements. A one-element value may have shape () or (1,): Jittor has no scalars.
    """
    if value.shape != expected.shape and not value.size == expected.size == 1:
        return {"mismatch": "shape %s, reference %s" % (list(value.shape), list(expected.shape))}
    if expected.dtype.kind != "f":
        unequal = value.reshape(-1) != expected.reshape(-1)
        return {"error": float(np.mean(unequal)) if unequal.size else 0.0}
    got = value.reshape(-1).astype(np.float64)
    want = expected.reshape(-1).astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(got)) or not _same(got[~finite], want[~finite]):
        return {"mismatch": "NaN or infinity in other places than the reference"}
    got, want = got[finite], want[finite]
    if not want.size:
        return {"error": 0.0}
    difference_rms = float(np.sqrt(np.mean((got - want) ** 2)))
    scale = float(np.sqrt(np.mean(want**2)))
    return {"error": difference_rms / (scale or 1.0)}  # beside zeros there is no scale: the difference itself


def _same(left, right):
    return bool(np.all((left == right) | (np.isnan(left) & np.isnan(right))))
