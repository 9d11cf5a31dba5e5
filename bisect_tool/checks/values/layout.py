"""What the axes of a tensor are called, and in which other orders they can be."""

from __future__ import annotations

import itertools

# What the places along each axis are called, by the number of axes.
AXIS_NOUNS = {4: ("image", "channel", "row", "column"), 5: ("image", "channel", "plane", "row", "column")}


def axis_noun(ndim: int, axis: int) -> str:
    """Return what the places along an axis are called: 'channel', 'row', 'slice' where that is not known."""
    return AXIS_NOUNS[ndim][axis] if ndim in AXIS_NOUNS else "slice"


def along_axis(ndim: int, axis: int) -> str:
    """Return ' along axis 1' where the axis's places have no name of their own."""
    return "" if ndim in AXIS_NOUNS else f" along axis {axis}"


def channel_axes(ndim: int) -> tuple[int, ...]:
    """Return the axes that may be the channels'."""
    return {0: (), 1: (0,), 2: (1,), 3: (1, 2)}.get(ndim, (1,))


def other_axes(ndim: int, axis: int) -> tuple[int, ...]:
    """Return all axes but one."""
    return tuple(other for other in range(ndim) if other != axis)


def other_orders(count: int) -> list[tuple[int, ...]]:
    """Return all orders of so many axes or blocks but the one they are in."""
    return list(itertools.permutations(range(count)))[1:]
