"""The reference and the port side by side, as preflight compares them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bisect_tool.captures.described import Described, ModuleEntry, StateEntry
from bisect_tool.captures.manifest import Manifest
from bisect_tool.pairing.names import Matching

CONTAINERS = {"Sequential", "ModuleList", "ModuleDict"}
OFF = (False, "none")  # other words for None


@dataclass(frozen=True)
class Pair:
    """The reference and the port, ready to be compared.

    Attributes: ``reference`` (the capture's manifest), ``port``, ``matching``, ``calls`` (the port's own calls
    in the reference's names, with their output shapes).
    """

    reference: Manifest
    port: Described
    matching: Matching
    calls: Mapping[str, tuple[tuple[str, tuple[int, ...]], ...]]

    def modules(self) -> list[tuple[ModuleEntry, ModuleEntry]]:
        """Return the matched modules, reference first."""
        theirs = {m.name: m for m in self.port.modules}
        pairs = self.matching.modules
        return [(m, theirs[pairs[m.name]]) for m in self.reference.described.modules if m.name in pairs]

    def tied(self) -> list[str]:
        """Return the tensors that the port has under an earlier name too, with the value that the reference has there."""
        back = {port: name for name, port in self.matching.state.items()}
        values = self.reference.state
        return [
            ours.name
            for ours, theirs in self.state()
            if theirs.alias_of in back and values[back[theirs.alias_of]] == values[ours.name]
        ]

    def held_as_one(self) -> dict[str, str]:
        """Return the tensors that the port has under an earlier name alone, each with that of the reference's, which has another value."""
        back, tied = {port: name for name, port in self.matching.state.items()}, set(self.tied())
        return {
            ours.name: back[theirs.alias_of]
            for ours, theirs in self.state()
            if theirs.alias_of in back and ours.alias_of is None and ours.name not in tied
        }

    def state(self) -> list[tuple[StateEntry, StateEntry]]:
        """Return the matched parameters and buffers, reference first."""
        theirs = {s.name: s for s in self.port.state}
        pairs = self.matching.state
        return [(s, theirs[pairs[s.name]]) for s in self.reference.described.state if s.name in pairs]


def batch_differs(pair: Pair) -> set[str]:
    """Return the paths of what one side alone has in its batch."""
    return {e.path for e in pair.reference.described.batch} ^ {e.path for e in pair.port.batch}


def of_the_users(pair: Pair) -> set[str]:
    """Return the reference's modules that are of a user's own class on some side: nobody knows what their settings mean."""
    return {ours.name for ours, theirs in pair.modules() if not (ours.library and theirs.library)}


def setting_differences(pair: Pair) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return for each module whose settings differ {setting: (reference, port)}; ``class`` and ``mode`` count as settings."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for ours, theirs in pair.modules():
        different = {
            key: (value, theirs.settings[key])
            for key, value in ours.settings.items()
            if key in theirs.settings and not same_setting(value, theirs.settings[key])
        }
        comparable = ours.library and theirs.library and not {ours.class_, theirs.class_} & CONTAINERS
        if comparable and ours.class_.lower() != theirs.class_.lower():
            different["class"] = (ours.class_, theirs.class_)
        if ours.training != theirs.training:
            different["mode"] = tuple("train" if m.training else "eval" for m in (ours, theirs))  # type: ignore[assignment]
        if different:
            found[ours.name] = different
    return found


def same_setting(ours: Any, theirs: Any) -> bool:
    """Tell whether two values may mean the same: None is "off", and of a word against a number nothing is known."""
    if isinstance(ours, list) or isinstance(theirs, list):
        left = ours if isinstance(ours, list) else [ours]
        right = theirs if isinstance(theirs, list) else [theirs]
        width = max(len(left), len(right))
        left, right = (side * width if len(side) == 1 else side for side in (left, right))
        return len(left) == len(right) and all(map(same_setting, left, right))
    if ours is None or theirs is None:
        return (theirs if ours is None else ours) in (None, *OFF)
    number, port_number = _number(ours), _number(theirs)
    if number is None or port_number is None:
        return number is not port_number or bool(ours == theirs)
    return _close(number, port_number)


def _close(ours: float, theirs: float) -> bool:
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return math.isclose(ours, theirs, rel_tol=1e-6)


def _number(value: Any) -> float | None:
    """Return the number that a value is, also one that was read from a file as a word; None for a word."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
