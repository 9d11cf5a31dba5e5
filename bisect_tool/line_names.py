"""Which variable of the port is which of the reference's: by function, name and number; then by value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bisect_tool.sites import Site, variable_of

Part = tuple[str, tuple[int, ...], str]  # path in the nested value, shape, dtype


@dataclass(frozen=True)
class Variable:
    """One assignment: its site, the module call around it (in the reference's names), its line, and its parts.

    ``passed``: it is a parameter, assigned by the call of its function.
    """

    site: Site
    around: str | None
    passed: bool
    place: str
    parts: tuple[Part, ...]

    @classmethod
    def from_json(cls, call: Callable[[str], str], data: Mapping[str, Any]) -> Variable:
        """Read one as a worker says it; ``call`` renames a module call. Raises KeyError, TypeError or ValueError."""
        around = data["around"]
        parts = [(str(path), tuple(int(n) for n in shape), str(dtype)) for path, shape, dtype in data["parts"]]
        return cls(
            Site(str(data["site"])),
            None if around is None else call(str(around)),
            data["kind"] == "parameter",
            str(data["place"]),
            tuple(parts),
        )

    @property
    def function(self) -> str:
        """Return its function, or the module call whose forward method it is of."""
        return self.site.partition(":")[0]


@dataclass(frozen=True)
class LinePairs:
    """The variables that mean the same on both sides, and the rest.

    Attributes: ``to_port`` (the reference's site to the port's), ``ours`` and ``theirs`` (what has no partner),
    ``proposed`` (the pairs that rest on equal values, not on names).
    """

    to_port: Mapping[Site, Site]
    ours: tuple[Variable, ...]
    theirs: tuple[Variable, ...]
    proposed: frozenset[Site] = frozenset()


def pair_by_name(
    ours: Sequence[Variable],
    theirs: Sequence[Variable],
    port_call: Callable[[str], str | None],
    rename: Iterable[tuple[str, str]],
) -> LinePairs:
    """Pair variables whose function and name are the same on both sides, as often as they are assigned.

    ``port_call`` gives the port's name of a module call, ``rename`` the rules from the reference's names to the port's.
    A name that one side assigns more often is not paired: which is which cannot be told. What is passed to a parameter
    and what is assigned to it later are counted apart.
    """
    rules = list(rename)

    def port_name(variable: Variable) -> str:
        function, name = variable_of(variable.site).split(":")
        renamed = f"{port_call(function) or function}:{name}"
        for pattern, replacement in rules:
            renamed = re.sub(pattern, replacement, renamed)
        return renamed

    left: dict[tuple[str, bool], list[Variable]] = {}
    for variable in ours:
        left.setdefault((port_name(variable), variable.passed), []).append(variable)
    right: dict[tuple[str, bool], list[Variable]] = {}
    for variable in theirs:
        right.setdefault((variable_of(variable.site), variable.passed), []).append(variable)
    pairs: dict[Site, Site] = {}
    for name, group in left.items():
        partners = right.get(name, [])
        if len(group) == len(partners):
            pairs |= {a.site: b.site for a, b in zip(group, partners, strict=True)}
    return paired(pairs, ours, theirs)


def paired(
    pairs: Mapping[Site, Site],
    ours: Sequence[Variable],
    theirs: Sequence[Variable],
    proposed: Iterable[Site] = (),
) -> LinePairs:
    """Return the pairs together with what is left over on both sides."""
    taken = set(pairs.values())
    return LinePairs(
        pairs,
        tuple(v for v in ours if v.site not in pairs),
        tuple(v for v in theirs if v.site not in taken),
        frozenset(proposed),
    )
