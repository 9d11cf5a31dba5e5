"""The buffers of the calls of a forced pass: compared with the reference's when a call begins and ends, and put right.

What a buffer holds when a call begins is handed to it, and what it holds when the call ends is given, like a value: so each
call that updates one is judged by itself, and whoever writes one between calls is at fault himself.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..adapters.adapter import Module
from ..arrays import Array, measure
from ..model.buffers import Mark
from .probe import Probe

BEGINS, ENDS = 0, 1  # of a call
PATH = "buffer:"  # before a buffer's name, beside the paths of a value
Rows = List[Dict[str, Any]]


class Between:
    """What the buffers of one pass hold beside the reference's; one that is dissolved, or was not given, is the port's own."""

    def __init__(self, probe: Probe) -> None:
        self._reference = probe.reference
        self._buffers = probe.buffers
        self._given = probe.state - set(probe.asked.dissolved or ())
        self._known: Dict[str, Tuple[Mark, str]] = {}  # what holds, to the bit, the array of a key

    def rows(self, module: Module, site: str, when: int) -> Rows:
        """Return how far off the buffers of a call are: each that the reference writes, and others that are not as they were."""
        recorded = self._reference.sites[site]["state"]
        return self._compared(self._expected(module, recorded, when), recorded)

    def left(self) -> Rows:
        """Return how far off are all buffers at the end of the step."""
        left = self._reference.left
        others = {name: self._reference.state[name] for name in self._buffers.names if name in self._reference.state}
        return self._compared({**others, **left}, left)

    def put(self, module: Module, site: str, when: int) -> None:
        """Let the buffers of a call hold what the reference's do when it begins or ends."""
        for name, key in self._expected(module, self._reference.sites[site]["state"], when).items():
            if name in self._given and not self._is_known(name, key):
                array, found = self._reference.read(key), self._buffers.read(name)
                if found is None or not _fits(found, array):
                    continue
                if found.tobytes() != array.tobytes():
                    self._buffers.write(name, array.reshape(found.shape))
                self._known[name] = (self._buffers.mark(name), key)

    def arrays(self, module: Module, site: str) -> list[tuple[str, Array]]:
        """Return what the buffers of a call hold that the reference's writes."""
        expected = self._expected(module, self._reference.sites[site]["state"], BEGINS)
        found = ((name, self._buffers.read(name)) for name in expected if name in self._given)
        return [(PATH + name, array) for name, array in found if array is not None]

    def _expected(self, module: Module, recorded: Mapping[str, Any], when: int) -> dict[str, str]:
        """Return the keys of what the buffers of a call hold when it begins or ends."""
        state, written = self._reference.state, self._reference.left
        inside = [name for name in self._buffers.inside(module) if name in state and name not in written]
        return {**{name: state[name] for name in inside}, **{name: keys[when] for name, keys in recorded.items()}}

    def _compared(self, expected: Mapping[str, str], recorded: Mapping[str, Any]) -> Rows:
        rows = []
        for name, key in expected.items():
            off = self._off(name, key) if name in self._given else None
            if off is not None and (name in recorded or off.get("error") != 0.0):
                rows.append(dict(off, path=PATH + name))
        return rows

    def _off(self, name: str, key: str) -> Optional[Dict[str, Any]]:
        if self._is_known(name, key):
            return {"error": 0.0}
        array, expected = self._buffers.read(name), self._reference.read(key)
        # One of another shape, such as a cache that grows in other steps, means something else, and proves nothing.
        return (
            measure.difference(array, expected) if array is not None and _fits(array, expected) else {"missing": True}
        )

    def _is_known(self, name: str, key: str) -> bool:
        known = self._known.get(name)
        return known is not None and known[1] == key and self._buffers.mark(name).same(known[0])


def _fits(array: Array, other: Array) -> bool:
    return array.shape == other.shape or array.size == other.size == 1
