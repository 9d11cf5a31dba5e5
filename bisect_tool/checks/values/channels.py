"""Channels or images in another order, one of them for all, or inputs concatenated in another order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, allowed, check, explains, sure
from bisect_tool.checks.values.layout import channel_axes, other_orders

MOST = 4096  # slices that are compared with each other
LISTED = 8
PLACES = 256  # of each slice that are compared
MOST_INPUTS = 5


class Permuted(NamedTuple):
    """What is permuted, as a sentence says it: 'slice' and ' along axis 2'."""

    noun: str
    where: str = ""


CHANNEL, IMAGE = Permuted("channel"), Permuted("image")


@check
def concatenated(evidence: Evidence, numbers: Numbers) -> str | None:
    """Say in which other order the inputs are concatenated."""
    value, expected = numbers.value, numbers.expected
    given = [np.shape(array) for array in evidence.inputs]
    if not 1 < len(given) <= MOST_INPUTS or any(len(shape) != value.ndim for shape in given) or not sure(numbers):
        return None
    for axis in range(value.ndim):
        widths = [shape[axis] for shape in given]
        if sum(widths) != value.shape[axis]:
            continue
        blocks = np.split(expected, np.cumsum(widths)[:-1], axis)
        for order in other_orders(len(blocks)):
            if explains(numbers, np.concatenate([blocks[i] for i in order], axis)):
                return (
                    f"has the inputs' blocks along axis {axis} in the order {', '.join(map(str, order))}: "
                    "concatenated in another order"
                )
    return None


@check
def channels_permuted(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say in which order the channels are."""
    ndim = numbers.value.ndim
    for axis in channel_axes(ndim) if ndim > 1 else ():
        # Of three axes either may be the channels'.
        words = _permuted(numbers, axis, Permuted("slice", f" along axis {axis}") if ndim == 3 else CHANNEL)
        if words:
            return words
    return None


@check
def images_permuted(_evidence: Evidence, numbers: Numbers) -> str | None:
    """Say in which order the images of the batch are."""
    return _permuted(numbers, 0, IMAGE) if numbers.value.ndim > 1 else None


def _permuted(numbers: Numbers, axis: int, permuted: Permuted) -> str | None:
    count = numbers.value.shape[axis]
    width = numbers.value.size // count
    if not 1 < count <= MOST or not sure(numbers):
        return None
    near = _nearest(numbers, axis)
    sources = {int(source) for source in near if source >= 0}
    if len(sources) == 1 and width >= 4:
        source = sources.pop()
        if explains(numbers, np.broadcast_to(numbers.expected.take([source], axis), numbers.value.shape)):
            return f"is in every {permuted.noun}{permuted.where} the reference's {permuted.noun} {source}"
    for name, order in _patterns(near, count, permuted):
        if explains(numbers, numbers.expected.take(order, axis)):
            return f"has the {permuted.noun}s{permuted.where} in another order: {name}"
    if width < 4 or (near < 0).any() or len(set(near.tolist())) < count:
        return None
    if not explains(numbers, numbers.expected.take(near, axis)):
        return None
    return f"has the {permuted.noun}s{permuted.where} in another order: {_order(near)}"


def _nearest(numbers: Numbers, axis: int) -> Array:
    """Return for each slice of the port which slice of the reference it equals, -1 where none or more than one does.

    A slice that equals its own counterpart is taken for it, whatever others it equals.
    """
    value, expected = (np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1) for a in (numbers.value, numbers.expected))
    places = np.random.default_rng(0).integers(value.shape[1], size=PLACES) if value.shape[1] > PLACES else slice(None)
    ours, theirs = value[:, places].astype(np.float64), expected[:, places].astype(np.float64)
    square = (ours**2).sum(axis=1)[:, None] - 2 * ours @ theirs.T + (theirs**2).sum(axis=1)[None]
    limit = 30 * max(allowed(numbers, numbers.value), 1e-12 * float(np.abs(ours).max())) ** 2 * ours.shape[1]
    # The expanded square above loses half the digits.
    limit = max(limit, 1e-12 * float((ours**2).sum(axis=1).max()))
    return _chosen(square <= limit)


def _chosen(close: Array) -> Array:
    """Return for each row one of the columns that are close to it, its own if that is, else one that no other has if there is one."""
    found = np.where(close.any(axis=1), close.argmax(axis=1), -1)
    own = np.diagonal(close)
    found = np.where(own, np.arange(len(found)), found)
    used = set(found[own].tolist())
    for index in np.flatnonzero(~own & (close.sum(axis=1) > 1)):
        free = [int(j) for j in np.flatnonzero(close[index]) if int(j) not in used]
        found[index] = free[0] if free else found[index]
        used.add(int(found[index]))
    return found


def _patterns(near: Array, count: int, permuted: Permuted) -> list[tuple[str, Array]]:
    """Return orders that have a name, and those rotations that the nearest slices suggest."""
    every = np.arange(count)
    bgr = " (as BGR for RGB)" if count == 3 and permuted is CHANNEL else ""
    found = [(f"reversed{bgr}", every[::-1])] if count > 2 or permuted is IMAGE else []
    moved = np.flatnonzero((near >= 0) & (near != every))
    turns = {int((near[i] - i) % count) for i in moved[:4]}
    if count % 2 == 0 and count > 2:
        found.append(("its two halves swapped", np.roll(every, -count // 2)))
    if count == 2:
        found.append(("0 and 1 swapped", every[::-1]))
    found += [
        (f"rotated by {n} ({permuted.noun} i is the reference's i + {n})", np.roll(every, -n))
        for n in sorted(turns)
        if n
    ]
    for groups in (g for g in range(2, count // 2 + 1) if count % g == 0):
        order = every.reshape(groups, count // groups).T.reshape(-1)
        found.append((f"shuffled, [{groups}, {count // groups}] read as [{count // groups}, {groups}]", order))
    return found


def _order(order: Array) -> str:
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved) == 2:
        return f"{moved[0]} and {moved[1]} swapped"
    if len(order) <= LISTED:
        return f"{', '.join(map(str, order))} of the reference's"
    pairs = ", ".join(f"{i} is the reference's {order[i]}" for i in moved[:LISTED])
    more = f" and {len(moved) - LISTED} more" if len(moved) > LISTED else ""
    return f"{len(moved)} of {len(order)} moved, {pairs}{more}"
