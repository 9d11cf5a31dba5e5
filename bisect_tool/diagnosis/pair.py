"""The reference and the port side by side, as preflight compares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bisect_tool.captures.manifest import Described, Manifest, ModuleEntry, StateEntry
from bisect_tool.names import Matching


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

    def state(self) -> list[tuple[StateEntry, StateEntry]]:
        """Return the matched parameters and buffers, reference first."""
        theirs = {s.name: s for s in self.port.state}
        pairs = self.matching.state
        return [(s, theirs[pairs[s.name]]) for s in self.reference.described.state if s.name in pairs]
