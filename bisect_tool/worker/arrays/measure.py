"""Numbers about arrays: content hash, statistics, and the difference of two values. numpy only."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from . import Array, pairs

ROUNDING = 2e-5  # relative; the worst honest rounding of a layer seen in any framework (docs/design.md, "Tolerance")
LOSS_ROUNDING = 1e-6  # relative; some ten roundings of float32 between the last layer and the loss
DRAWS = 4  # of bad rounding, to see how far it moves something
LEVELS = 17  # quantiles at 1/18, 2/18 ... 17/18
FEWEST = 64  # of fewer numbers the quantiles say no more than mean, std, min and max
MOST = 65536
WHOLLY = 1e-2  # of an element: what is off by more has hardly a digit right
TYPICAL = 1e-3  # of the median element: what is off by less may be what a cancellation left
SHUT = -100.0  # its exponential is nothing beside that of 0
BLOCK = 1 << 15  # elements compared at a time: in float64 they stay in a core's cache


def digest(array: Array) -> str:
    """Return the content hash of an array: CRC-32 of its bytes, and their number.

    It guards against accidents (a patch that did not land, a damaged file), at a third of what a
    cryptographic hash costs while a model is being recorded.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    return "%08x-%d" % (zlib.crc32(flat.view(np.uint8).data), flat.nbytes)


def real(array: Array) -> Array:
    """Return complex numbers as pairs of real ones, along a last axis; anything else as it is."""
    if array.dtype.kind != "c":
        return array
    return np.ascontiguousarray(array).reshape(-1).view(array.real.dtype).reshape((*array.shape, 2))


def statistics(array: Array) -> dict[str, float]:
    """Return mean, std, min and max as floats; NaN and infinity show as such, an empty array has none.

    Of complex numbers they are those of their real and imaginary parts together.
    """
    array = real(array)
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


def initial(array: Array) -> dict[str, Any]:
    """Return the statistics of a parameter's initial values, with 17 quantiles where its numbers are many and differ.

    Of more than 65,536 numbers every k-th is taken; k has no factor in common with their number, so that no channel or
    kernel place is taken alone. The quantiles are rounded to 1e-4 of the standard deviation.
    """
    array = real(array)
    found = statistics(array)
    std = found.get("std", 0.0)
    if array.dtype.kind != "f" or array.size < FEWEST or not 0 < std < math.inf:
        return found
    step = -(-array.size // MOST)
    while math.gcd(step, array.size) != 1:
        step += 1
    values = np.sort(array.reshape(-1)[::step])
    places = [values.size * k // (LEVELS + 1) for k in range(1, LEVELS + 1)]
    digits = 4 - math.floor(math.log10(std))
    return dict(found, quantiles=[round(float(values[place]), digits) for place in places])


def variation(array: Array) -> float | None:
    """Return max - min of the values, within a channel (axis 1) where there are channels and places: 0 for no signal."""
    if array.dtype.kind == "c":
        both = (variation(array.real), variation(array.imag))
        return max((found for found in both if found is not None), default=None)
    if array.size == 0 or array.dtype.kind != "f":
        return None
    if array.ndim >= 3:
        axes = (0,) + tuple(range(2, array.ndim))
        return float(np.max(array.max(axis=axes) - array.min(axis=axes)))
    return float(array.max() - array.min())


def difference(value: Array, expected: Array) -> dict[str, Any]:
    """Compare two arrays: relative error (rms of the difference over rms of the expected), or why they do not compare.

    Returns ``{"error": float}`` or ``{"mismatch": sentence}``. Integers and booleans give 0 or the share
    of unequal elements. A one-element value may have shape () or (1,): Jittor has no scalars.
    """
    if value.shape != expected.shape and not value.size == expected.size == 1:
        of = " of complex numbers" if value.dtype.kind == "c" != expected.dtype.kind else ""
        return {"mismatch": "shape %s%s, reference %s" % (list(value.shape), of, list(expected.shape))}
    got, want = (array.reshape(-1) for array in _alike(value, expected))
    blocks = [slice(start, start + BLOCK) for start in range(0, want.size, BLOCK)]
    if got.dtype == want.dtype and all(np.array_equal(got[block], want[block]) for block in blocks):
        return {"error": 0.0}  # as most are, and float64 would take several times as long to tell
    if expected.dtype.kind not in "fc":
        unequal = sum(int(np.count_nonzero(got[block] != want[block])) for block in blocks)
        return {"error": unequal / want.size if want.size else 0.0}
    apart, scale, count = 0.0, 0.0, 0
    for block in blocks:
        sums = _finite_squares(got[block].astype(np.float64), want[block].astype(np.float64))
        if sums is None:
            return {"mismatch": "NaN or infinity in other places than the reference"}
        apart, scale, count = apart + sums[0], scale + sums[1], count + sums[2]
    if not count:
        return {"error": 0.0}
    # beside zeros there is no scale: the difference itself
    return {"error": math.sqrt(apart / count) / (math.sqrt(scale / count) or 1.0)}


def shut(array: Array) -> Array:
    """Return a mask that is added before a softmax as the places that it shuts, any other array as it is.

    Whether those hold -inf, -1e9 or -100 makes no difference to what it does.
    """
    if array.dtype.kind == "f" and array.size and array.min() <= SHUT:
        places = array <= SHUT
        if not array[~places].any():
            return np.asarray(places)
    return array


def places_off(value: Array, expected: Array) -> Array:
    """Return where two arrays of one shape differ by more than rounding makes of a typical element."""
    if expected.dtype.kind not in "fc":
        return np.asarray(value != expected)
    with np.errstate(all="ignore"):
        return np.asarray(~(np.abs(value - expected) <= ROUNDING * rms(expected[np.isfinite(expected)])))


def misplaced(value: Array, expected: Array) -> int:
    """Return how many elements are wholly wrong, which the norm of many others hides (values of one shape).

    Whole numbers and booleans are where they are unequal, others where one side alone is finite, too. Those are not
    counted that lie far below the median of what is not zero: of a difference of large numbers rounding leaves nothing.
    """
    if expected.dtype.kind not in "fc":
        return int(np.count_nonzero(value != expected))
    with np.errstate(all="ignore"):
        apart = np.abs(value - expected)
        far = apart > WHOLLY * np.maximum(np.abs(value), np.abs(expected))
    lost = 0
    if not np.isfinite(apart).all():  # where both are infinite or NaN alike nothing is wrong
        lost = int(np.count_nonzero(np.isfinite(value) != np.isfinite(expected)))
        far &= np.isfinite(apart)
    if far.any():
        some = np.abs(expected[np.isfinite(expected) & (expected != 0)])
        far &= apart > TYPICAL * np.median(some) if some.size else False
    return lost + int(np.count_nonzero(far))


def pulled_apart(gradient: Array | None, expected: Array | None) -> dict[str, Any]:
    """Compare a gradient with the reference's, as the port writes it; each is an array, or None where no path leads to it.

    Returns ``none`` (there is no path), ``rms`` of both, ``apart`` (rms of the difference; no gradient counts as zeros),
    ``ratio`` (of the part that lies along the reference's), ``lost`` (places where it is 0 and the reference is not) and
    ``size``; or ``{"mismatch": sentence}``.
    """
    if gradient is not None and expected is not None:
        expected = pairs.written(gradient, expected)
    some = expected if gradient is None else gradient
    if some is None:
        return {"none": True, "rms": 0.0, "reference": None, "apart": 0.0, "ratio": None, "lost": 0, "size": 0}
    got, want = _alike(*(np.zeros(some.shape) if array is None else array for array in (gradient, expected)))
    got, want = got.astype(np.float64), want.astype(np.float64)
    if np.squeeze(got).shape != np.squeeze(want).shape:
        return {"mismatch": "shape %s, reference %s" % (list(got.shape), list(want.shape))}
    got, want = got.reshape(-1), want.reshape(-1)
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return {"mismatch": "NaN or infinity in other places than the reference"}
    finite = np.isfinite(want)
    got, want = (got, want) if finite.all() else (got[finite], want[finite])
    scale = float(np.dot(want, want))
    return {
        "none": gradient is None,
        "rms": rms(got),
        "reference": None if expected is None else rms(want),
        "apart": rms(got - want),
        "ratio": float(np.dot(got, want)) / scale if scale else None,
        "lost": int(np.count_nonzero((got == 0) & (want != 0))),
        "size": int(want.size),
    }


def rms(values: Array) -> float:
    """Return the root of the mean square, 0 of nothing."""
    flat = real(values).reshape(-1).astype(np.float64)
    return math.sqrt(float(np.dot(flat, flat)) / flat.size) if flat.size else 0.0


def _alike(value: Array, expected: Array) -> tuple[Array, Array]:
    """Return two arrays of which one holds complex numbers as pairs of real ones, others as they are."""
    if "c" not in (value.dtype.kind, expected.dtype.kind) or expected.dtype.kind in "iub":
        return value, expected
    return real(value.astype(np.complex128)), real(expected.astype(np.complex128))


def _finite_squares(got: Array, want: Array) -> tuple[float, float, int] | None:
    """Return the sums of squares of the difference and of what is expected, and how many numbers: of the finite ones.

    None when what is not finite is not the same on both sides.
    """
    with np.errstate(all="ignore"):
        sums = _squares(got, want)
        if math.isfinite(sums[0]) and math.isfinite(sums[1]):
            return sums
        finite = np.isfinite(want)
        if not np.array_equal(finite, np.isfinite(got)) or not _same(got[~finite], want[~finite]):
            return None
        return _squares(got[finite], want[finite])


def _squares(got: Array, want: Array) -> tuple[float, float, int]:
    apart = got - want
    return float(np.dot(apart, apart)), float(np.dot(want, want)), want.size


def _same(left: Array, right: Array) -> bool:
    return bool(np.all((left == right) | (np.isnan(left) & np.isnan(right))))
