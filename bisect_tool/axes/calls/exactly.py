"""What regions give and hand on in float64, and whether a value is off by more than rounding."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bisect_tool.axes.calls.regions import Region
from bisect_tool.probes.reading import Comparison, Reading, without
from bisect_tool.questions.judging import largest
from bisect_tool.questions.tolerance import UNCHECKED
from bisect_tool.sites import Site

Key = tuple[Site, frozenset[Site], tuple[Site, ...]]  # of a region


class Exact(NamedTuple):
    """What a region gives, and hands to calls in place, in float64; None where its code does not run in it."""

    output: tuple[Comparison, ...] | None
    handed: Mapping[Site, tuple[Comparison, ...]]

    def without(self, buffers: Collection[Site]) -> Exact:
        """Return it without what it says of some buffers."""
        handed = {site: without(rows, buffers) for site, rows in self.handed.items()}
        return Exact(self.output and without(self.output, buffers), handed)


def key_of(region: Region) -> Key:
    """Return what tells a region from all others, in whichever pass."""
    return region.root, region.pieces, region.frontier


def exact_of(reading: Reading, region: Region) -> Exact:
    """Return what a reading tells of a region in float64."""
    handed = {site: reading.watched[site].exact_inputs for site in region.frontier}
    return Exact(reading.watched[region.root].exact, {s: rows for s, rows in handed.items() if rows is not None})


def is_off(plain: Sequence[Comparison], exact: Sequence[Comparison] | None, floor: float, *, unchecked: bool) -> bool:
    """Tell whether a value is off by more than rounding, in float64 too where that is known.

    Rounding never makes infinity of a number. ``unchecked``: of what float64 does not tell, more than the floor is allowed.
    """
    told = {row.path for row in exact or () if not row.missing}
    error = largest(row for row in plain if row.path in told)
    untold = largest(row for row in plain if row.path not in told)
    if math.isinf(max(error, untold)) or untold > (max(floor, UNCHECKED) if unchecked else floor):
        return True
    return error > floor and largest(exact or ()) > floor
