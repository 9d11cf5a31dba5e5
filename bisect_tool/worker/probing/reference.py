"""What the reference recorded, as a run of the port reads it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..adapters.adapter import Tensor
from ..arrays import Array, partners, trees
from ..arrays.shards import OpenShards
from .names import Name

Recorded = List[Tuple[Optional[str], Optional[str]]]  # path, key
MOST_RECENT = 1 << 26  # bytes: one call's values are read when they are compared, when they are given, and around it


class Reference:
    """The reference's recorded values, by the port's own site names; read from the capture when needed.

    ``sites`` maps a site to {"inputs": tree, "output": tree, "state": {buffer: [key as it begins, as it ends]}, "inside":
    {module: calls}, "around": site or None, "arguments": names}, ``state`` a parameter or buffer to a key. ``gradients`` is what
    the gradients of a recorded run were, empty where none were recorded; ``leaving`` are the sites with "attributes": {"of": module,
    "values": tree}. ``left`` has every parameter and buffer that was written to the key of what it held in the end.
    """

    def __init__(
        self,
        stored: OpenShards,
        sites: dict[str, dict[str, Any]],
        state: Mapping[str, str],
        batch: dict[str, Any],
        gradients: dict[str, Any] | None = None,
        left: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.sites = sites
        self.leaving = {site: entry for site, entry in sites.items() if "attributes" in entry}
        self.state = state
        self.gradients = gradients or {}
        self.left = left
        self.batch = batch
        self._stored = stored
        self._recent: Dict[str, Array] = {}  # the first is the one that was not read for longest
        self._recent_bytes = 0

    def read(self, key: str) -> Array:
        """Return one recorded array, which is not to be written. Raises DamagedError where it is not the one that was recorded."""
        array = self._recent.pop(key, None)
        if array is None:
            array = self._stored.read(key)
            array.flags.writeable = False
            self._recent_bytes += array.nbytes
        self._recent[key] = array
        while self._recent_bytes > MOST_RECENT:
            self._recent_bytes -= self._recent.pop(next(iter(self._recent))).nbytes
        return array

    def around(self, site: str) -> List[str]:
        """Return the recorded calls around one, innermost first."""
        found: List[str] = []
        outer = self.sites[site]["around"]
        while outer is not None:
            found.append(outer)
            outer = self.sites[outer]["around"]
        return found

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a recorded array."""
        return self._stored.shape(key)

    def partners(self, tree: trees.Tree, found: Sequence[tuple[str, Any]]) -> Recorded:
        """Return for each of some (path, tensor) the recorded (path, key) that it stands for, (None, None) for none."""
        recorded = list(trees.keys(tree))
        ours = [(path, self.shape(key)) for path, key in recorded]
        places = partners.partners(ours, [(path, tuple(tensor.shape)) for path, tensor in found])
        return [(None, None) if place is None else recorded[place] for place in places]

    def fitting(self, key: str, tensor: Tensor) -> Array | None:
        """Return one recorded array that a tensor is to hold, None where it has another number of elements."""
        array = self.read(key)
        return array if array.size == int(np.prod(tensor.shape)) else None

    def gradient_key(self, name: Name) -> str | None:
        """Return the key of a recorded gradient, None where there is none."""
        site, part, path = name
        key: str | None = self.gradients["sites"].get(site, {}).get(part, {}).get(path)
        return key

    def has_gradient(self, name: Name) -> bool:
        """Tell whether a gradient was asked for when this was recorded, be it none."""
        site, part, path = name
        return path in self.gradients["sites"].get(site, {}).get(part, {})

    def gradient(self, name: Name) -> Array | None:
        """Return a recorded gradient, None where there is none."""
        key = self.gradient_key(name)
        return None if key is None else self.read(key)
