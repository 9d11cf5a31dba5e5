"""Which site of the port is which site of the reference."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.sites import parent_of

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Matching:
    """Names of the reference to names of the port, for modules and for state, and what found no partner.

    ``how`` says for each matched state entry: "exact", "rule", "shape", or "guess" where only the order of several
    tensors of one shape speaks for the pair.
    """

    modules: Mapping[str, str]
    state: Mapping[str, str]
    how: Mapping[str, str]
    unmatched_reference: tuple[str, ...]
    unmatched_port: tuple[str, ...]


def match(
    reference: Sequence[tuple[str, Shape]],
    port: Sequence[tuple[str, Shape]],
    reference_modules: Iterable[str],
    port_modules: Iterable[str],
    rules: Sequence[tuple[str, str]] = (),
) -> Matching:
    """Match state entries and modules: by the recipe's rules, exactly, then by shape and order.

    No name of the port is given twice. By shape: of the entries left over, those of one shape are paired in order
    where both sides have equally many. A module follows its parameters, a parent its child of the same last name,
    and a child its parent.
    """
    rename = _renamer(rules)
    state, how = _by_name([n for n, _ in reference], {n for n, _ in port}, rename)
    taken = set(state.values())
    by_shape = _by_shape([(n, s) for n, s in reference if n not in state], [(n, s) for n, s in port if n not in taken])
    state.update(by_shape)
    how.update(_how_by_shape(by_shape))
    names = list(reference_modules)
    port_names = set(port_modules)
    modules, _ = _by_name(names, port_names, rename)
    _drop_contradicted(modules, state)
    _follow_parameters(modules, state, port_names)
    _follow_parents(modules, names, port_names)
    taken = set(state.values())
    return Matching(
        modules,
        state,
        how,
        tuple(n for n, _ in reference if n not in state),
        tuple(n for n, _ in port if n not in taken),
    )


def _renamer(rules: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rename(name: str) -> str:
        for pattern, replacement in compiled:
            name = pattern.sub(replacement, name)
        return name

    return rename


def _by_name(
    names: Iterable[str], port_names: set[str], rename: Callable[[str], str]
) -> tuple[dict[str, str], dict[str, str]]:
    found: dict[str, str] = {}
    how: dict[str, str] = {}
    listed = list(names)
    free = set(port_names)
    changed = [name for name in listed if rename(name) != name]
    # The recipe's own rules come first: they say so because the exact name is another thing.
    for kind, candidates, change in (("rule", changed, rename), ("exact", listed, str)):
        for name in candidates:
            if name not in found and change(name) in free:
                found[name], how[name] = change(name), kind
                free.remove(found[name])
    return found, how


def _by_shape(reference: Sequence[tuple[str, Shape]], port: Sequence[tuple[str, Shape]]) -> dict[str, str]:
    def grouped(entries: Sequence[tuple[str, Shape]]) -> dict[tuple[str, Shape], list[str]]:
        groups: dict[tuple[str, Shape], list[str]] = defaultdict(list)
        for name, shape in entries:
            groups[name.rpartition(".")[2], shape].append(name)
        return groups

    theirs = grouped(port)
    return {
        ours_name: port_name
        for key, ours in grouped(reference).items()
        if len(ours) == len(theirs.get(key, ()))
        for ours_name, port_name in zip(ours, theirs[key], strict=True)
    }


def _how_by_shape(pairs: Mapping[str, str]) -> dict[str, str]:
    """Tell pairs that only their order speaks for ("guess") from those whose module's name agrees too ("shape")."""
    leaves = Counter(name.rpartition(".")[2] for name in pairs)

    def owner(name: str) -> str:
        return parent_of(name).rpartition(".")[2]

    return {
        ours: "guess" if owner(ours) != owner(theirs) and leaves[ours.rpartition(".")[2]] > 1 else "shape"
        for ours, theirs in pairs.items()
    }


def _drop_contradicted(modules: dict[str, str], state: Mapping[str, str]) -> None:
    """Forget modules paired by name when the port's module has the parameters of another one of the reference's.

    A container in which both have the same parameters stays: the port may have code in it that lies deeper in the reference.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for ours, theirs in state.items():
        owners[parent_of(theirs)].add(parent_of(ours))
    for ours, theirs in list(modules.items()):
        if owners[theirs] and ours not in owners[theirs] and not _share_parameters(ours, theirs, state):
            del modules[ours]


def _share_parameters(ours: str, theirs: str, state: Mapping[str, str]) -> bool:
    return any(a.startswith(f"{ours}.") and b.startswith(f"{theirs}.") for a, b in state.items())


def _follow_parameters(modules: dict[str, str], state: Mapping[str, str], port_names: set[str]) -> None:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for name, port_name in state.items():
        ours, theirs = parent_of(name), parent_of(port_name)
        while ours and theirs:
            votes[ours][theirs] += 1
            if ours.rpartition(".")[2] != theirs.rpartition(".")[2]:
                ours, theirs = parent_of(ours), parent_of(theirs)
                if ours and theirs:
                    votes[ours][theirs] += 1
                break
            ours, theirs = parent_of(ours), parent_of(theirs)
    for ours, counter in votes.items():
        best = counter.most_common(1)[0][0]
        if ours not in modules and best in port_names and best not in modules.values():
            modules[ours] = best


def _follow_parents(modules: dict[str, str], names: Sequence[str], port_names: set[str]) -> None:
    for name in names:
        parent = parent_of(name)
        if name not in modules and parent in modules:
            candidate = f"{modules[parent]}.{name.rpartition('.')[2]}"
            if candidate in port_names and candidate not in modules.values():
                modules[name] = candidate
