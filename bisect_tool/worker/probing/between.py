"""The state of the calls of a forced pass: compared with the reference's when a call begins and ends, and put right.

What a buffer, or a parameter that the run writes, holds when a call begins is handed to it, and what it holds when the call
ends is given, like a value: so each call that updates one is judged by itself, and whoever writes one between calls is at
fault himself.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..adapters.adapter import Module
from ..arrays import Array, measure, pairs
from ..model.state import Mark
from .probe import Probe

BEGINS, ENDS = 0, 1  # of a call
PATH = "buffer:"  # before the name of a buffer, or of a parameter that is written, beside the paths of a value
Rows = List[Dict[str, Any]]


class Between:
    """What the state of one pass holds beside the reference's; a tensor that is dissolved, or was not given, is the port's own."""

    def __init__(self, probe: Probe) -> None:
        self._reference = probe.reference
        self._probe = probe
        self._contents = probe.contents
        self._moved = {name for entry in self._reference.sites.values() for name in entry.get("state", ())}
        self._given = probe.state - set(probe.asked.dissolved or ())
        self._known: Dict[str, Tuple[Mark, str]] = {}  # what holds, to the bit, the array of a key

    def rows(self, module: Module, site: str, when: int) -> Rows:
        """Return how far off the state of a call is: all that the reference writes, and what else is not as it was."""
        if not self._probe.aside:  # in float64 all parameters are others
            self._contents.strays(module)
        recorded = self._reference.sites[site]["state"]
        return self._compared(self._expected(module, recorded, when), recorded)

    def left(self) -> Rows:
        """Return how far off is what the step leaves in the end."""
        self._contents.strays()
        left = self._reference.left
        others = {name: self._reference.state[name] for name in self._contents.names if name in self._reference.state}
        return self._compared({**others, **left}, left)

    def put(self, module: Module, site: str, when: int) -> None:
        """Let the state of a call hold what the reference's does when it begins or ends."""
        for name, key in self._expected(module, self._reference.sites[site]["state"], when).items():
            if name in self._given and not self._is_known(name, key):
                found = self._contents.read(name)
                array = self._reference.read(key) if found is None else pairs.written(found, self._reference.read(key))
                if found is None or not _fits(found, array):
                    continue
                self._contents.write(name, array.reshape(found.shape))
                self._known[name] = (self._contents.mark(name), key)

    def arrays(self, module: Module, site: str) -> list[tuple[str, Array]]:
        """Return what the state of a call holds that the reference's writes."""
        expected = self._expected(module, self._reference.sites[site]["state"], BEGINS)
        found = ((name, self._contents.read(name)) for name in expected if name in self._given)
        return [(PATH + name, array) for name, array in found if array is not None]

    def _expected(self, module: Module, recorded: Mapping[str, Any], when: int) -> dict[str, str]:
        """Return the keys of what the state of a call holds when it begins or ends."""
        state, written = self._reference.state, self._moved
        inside = [name for name in self._contents.inside(module) if name in state and name not in written]
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
        array, expected = self._contents.read(name), self._reference.read(key)
        expected = expected if array is None else pairs.written(array, expected)
        # One of another shape, such as a cache that grows in other steps, means something else, and proves nothing.
        return (
            measure.difference(array, expected) if array is not None and _fits(array, expected) else {"missing": True}
        )

    def _is_known(self, name: str, key: str) -> bool:
        known = self._known.get(name)
        return known is not None and known[1] == key and self._contents.mark(name).same(known[0])


def _fits(array: Array, other: Array) -> bool:
    return array.shape == other.shape or array.size == other.size == 1
