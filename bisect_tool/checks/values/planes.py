"""Some of a tensor's maps: what is computed map by map is tried on a few first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bisect_tool.checks.values.evidence import Array, Evidence, Numbers, as_floats, compared

SOME = 400_000  # numbers that are looked at, of the input or the output, whichever is larger
LARGEST = 1 << 20  # numbers in one map: more take too long
FEW = 20_000  # numbers that a guess is tried on first


@dataclass(frozen=True)
class Planes:
    """Some maps (P, H, W) of the input, with what both sides made of them (P, OH, OW)."""

    given: Array
    numbers: Numbers

    @property
    def out(self) -> tuple[int, int]:
        """Return height and width of the output."""
        return self.numbers.value.shape[1], self.numbers.value.shape[2]


def planes(evidence: Evidence) -> list[Planes]:
    """Return few maps and some more of them, or nothing where the output has no map for each of the input's."""
    given = as_floats(evidence.inputs[0]) if evidence.inputs else None
    shape = np.shape(evidence.value)
    if given is None or evidence.numbers is None or given.ndim != 4 or given.shape[:2] != shape[:2]:
        return []
    sides = {2: (1, 1), 4: shape[2:]}.get(len(shape))
    if sides is None:
        return []
    maps = given.reshape(-1, *given.shape[2:])
    value, expected = (side.reshape(-1, *sides) for side in (evidence.numbers.value, evidence.numbers.expected))
    largest = max(maps[0].size, value[0].size)
    if largest > LARGEST:
        return []
    found = []
    for most in (FEW, SOME):
        count = max(1, min(len(maps), most // largest))
        chosen = np.linspace(0, len(maps) - 1, count).round().astype(int)
        numbers = compared(value[chosen], expected[chosen], evidence.floor)
        if numbers is None:
            return []
        found.append(Planes(maps[chosen], numbers))
    return found
