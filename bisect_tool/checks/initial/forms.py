"""Tensors that the port starts with the reference's own numbers, in another order: transposed, say."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from bisect_tool.captures.described import StateEntry
from bisect_tool.checks.initial.start import same_numbers
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import Site
from bisect_tool.worker.arrays.measure import digest

Axes = tuple[int, ...]
Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
MOST_AXES = 5  # of a tensor whose permutations are all tried


def reordered(pair: Pair, read: Callable[[str], Array]) -> dict[Site, Axes | None]:
    """Return the tensors that hold the reference's numbers in another order, with the axes that make one of the other.

    None where no order of axes does. ``read`` gives a tensor by its key. What the step writes is left out: it is compared.
    """
    found: dict[Site, Axes | None] = {}
    state = pair.reference.state
    for ours, theirs in pair.state():
        drawn = ours.min != ours.max and None not in (ours.hash, theirs.hash) and "float" in ours.dtype
        known = ours.name in state and ours.name not in pair.reference.left and theirs.alias_of is None
        if drawn and known and ours.hash != theirs.hash and same_numbers(ours, theirs):
            found[Site(ours.name)] = _axes(read(state[ours.name]), theirs)
    return found


def _axes(array: Array, theirs: StateEntry) -> Axes | None:
    if array.ndim > MOST_AXES:
        return None
    for axes in itertools.permutations(range(array.ndim)):
        turned = array.transpose(axes)
        if turned.shape == theirs.shape and digest(np.ascontiguousarray(turned)) == theirs.hash:
            return axes
    return None
