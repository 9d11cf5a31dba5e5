"""The parameters and buffers of both sides, each tensor once, and which is which."""

from __future__ import annotations

from bisect_tool.captures.described import Described, StateEntry
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import parent_of


def sides(pair: Pair, kind: str) -> tuple[dict[str, StateEntry], dict[str, StateEntry]]:
    """Return the reference's and the port's tensors of a kind, a tied one once.

    What has a partner is of the kind that the reference says.
    """
    back = {port: name for name, port in partners(pair).items()}
    ours = {name: entry for name, entry in _first(pair.reference.described).items() if entry.kind == kind}
    theirs = {
        name: entry
        for name, entry in _first(pair.port).items()
        if (back[name] in ours if name in back else entry.kind == kind)
    }
    return ours, theirs


def _first(described: Described) -> dict[str, StateEntry]:
    """Return the state by name, without a tied tensor's later names."""
    return {entry.name: entry for entry in described.state if entry.alias_of is None}


def partners(pair: Pair) -> dict[str, str]:
    """Return which tensor of the port is which of the reference's, all by their first names, each once."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for ours, theirs in pair.state():
        name, port = ours.alias_of or ours.name, theirs.alias_of or theirs.name
        if name not in found and port not in taken:
            found[name] = port
            taken.add(port)
    return found


def modules_around(name: str) -> list[str]:
    """Return the modules that a name lies in, the highest first."""
    found = []
    while name := parent_of(name):
        found.append(name)
    return found[::-1]
