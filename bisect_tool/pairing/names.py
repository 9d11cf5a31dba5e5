"""Which site of the port is which site of the reference."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.pairing.chance import alike
from bisect_tool.pairing.rest import pair_the_rest
from bisect_tool.pairing.sequences import Side, aligned, contradicts
from bisect_tool.pairing.values import Values, values_of
from bisect_tool.sites import parent_of
from bisect_tool.worker.arrays.pairs import kind_of

Shape = tuple[int, ...]
Change = Callable[[str], str]


@dataclass(frozen=True)
class Matching:
    """Names of the reference to names of the port, for modules and for state, and what found no partner.

    ``how`` says for each matched state entry: "exact", "rule", "values" (both hold the same initial values, as no others
    do), "shape", or "guess" where only the order of several tensors of one shape speaks for the pair, or where hints contradict
    each other: ``torn`` has these, with the port's tensor that the name speaks for, and the one that the values do.
    ``guessed`` are the modules that such pairs alone speak for, and ``alike`` sets of them that drawn numbers alone tell apart.
    """

    modules: Mapping[str, str]
    state: Mapping[str, str]
    how: Mapping[str, str]
    unmatched_reference: tuple[str, ...]
    unmatched_port: tuple[str, ...]
    torn: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    alike: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known of a side beside its names and shapes.

    Attributes: ``classes`` (of its modules), ``library`` (those of the framework's own classes), ``values``.
    """

    classes: Mapping[str, str] = field(default_factory=dict)
    library: frozenset[str] = frozenset()
    values: Values = field(default_factory=Values)


def match(
    reference: Sequence[tuple[str, Shape]],
    port: Sequence[tuple[str, Shape]],
    reference_modules: Iterable[str],
    port_modules: Iterable[str],
    rules: Sequence[tuple[str, str]] = (),
    known: tuple[Known, Known] = (Known(), Known()),
) -> Matching:
    """Match state entries and modules: by the recipe's rules, exactly, by initial values, then by shape and order.

    No name of the port is given twice. An equal name is no partner where class and shape contradict it; in a sequence
    whose numbers are shifted, modules are paired by what they are. By order: of the entries left over, those of one shape
    are paired in order where both sides have equally many, first those whose modules' last names agree. A module
    follows its parameters, a parent its child of the same last name, and a child its parent.
    """
    names, port_names = list(reference_modules), set(port_modules)
    ours, theirs = _side(reference, names, known[0]), _side(port, port_names, known[1])
    places = _Places(ours, theirs, names, renamer(rules))
    modules, lost = _modules_by_name(places, ours, theirs, names)
    state, how = places.pairs(ours.state, set(theirs.state))
    for name in [name for name, kind in how.items() if kind == "exact" and parent_of(name) in lost]:
        del state[name], how[name]
    torn = pair_the_rest(reference, port, (known[0].values, known[1].values), state, how)
    _drop_contradicted(modules, state)
    named = frozenset(modules)
    _follow_parameters(modules, state, port_names)
    _follow_classes(modules, ours, theirs, state, lost)
    _follow_parents(modules, [name for name in names if name not in lost | places.moved.keys()], port_names)
    taken = set(state.values())
    return Matching(
        modules,
        state,
        how,
        tuple(n for n, _ in reference if n not in state),
        tuple(n for n, _ in port if n not in taken),
        torn,
        frozenset(name for name in modules.keys() - named if _is_guessed(name, modules, named, state, how)),
        alike(reference, port, state, how, known[0].values.fixed),
    )


def match_described(manifest: Manifest, port: Described, rules: Sequence[tuple[str, str]]) -> Matching:
    """Match a recorded reference with a port."""
    reference = manifest.described
    known = [
        Known({m.name: m.class_ for m in side.modules}, frozenset(m.name for m in side.modules if m.library), values)
        for side, values in ((reference, values_of(reference, manifest.spread)), (port, values_of(port)))
    ]
    return match(
        _shapes(reference, port),
        _shapes(port, reference),
        [module.name for module in reference.modules],
        [module.name for module in port.modules],
        rules,
        (known[0], known[1]),
    )


def _shapes(side: Described, other: Described) -> list[tuple[str, Shape]]:
    """Return the names of a side's tensors with their shapes: of complex ones as pairs of real ones if the other has none."""
    as_pairs = all(kind_of(entry.dtype) != "c" for entry in other.state)
    return [
        (entry.name, (*entry.shape, 2) if as_pairs and kind_of(entry.dtype) == "c" else entry.shape)
        for entry in side.state
    ]


def _side(state: Sequence[tuple[str, Shape]], modules: Iterable[str], known: Known) -> Side:
    classes = {name: known.classes.get(name, "").lower() for name in modules}
    return Side(dict(state), classes, known.library)


def renamer(rules: Sequence[tuple[str, str]]) -> Change:
    """Return what makes the port's name of one of the reference's, by the recipe's rules."""
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules]

    def rename(name: str) -> str:
        for pattern, replacement in compiled:
            name = pattern.sub(replacement, name)
        return name

    return rename


class _Places:
    """Where each of the reference's names is to be looked for among the port's.

    Attributes: ``moved`` (modules of shifted sequences to the port's, None for one that has no place there).
    """

    def __init__(self, ours: Side, theirs: Side, modules: Iterable[str], rename: Change) -> None:
        self.moved: dict[str, str | None] = {}
        self._rename = rename
        for module in modules:
            place = self._moved_to(module) if self._around(module) else rename(f"{module}.")[:-1]
            left = ours.numbered(module)
            if left and place is not None and self._keeps_numbers(module, place, left):
                self.moved.update(aligned(ours, theirs, left, theirs.numbered(place)) or {})

    def _keeps_numbers(self, module: str, place: str, numbered: Iterable[str]) -> bool:
        """Tell whether the recipe's rules leave the numbers in a module as they are: else they know better."""
        inside = bool(self._around(module))
        return inside or all(self._rename(f"{name}.") == f"{place}{name[len(module) :]}." for name in numbered)

    def pairs(self, names: Iterable[str], port_names: set[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Pair names by rules and by equal names, each name of the port once; return what is paired, and how."""
        listed = list(names)
        shifted = {name: self._moved_to(name) for name in listed if self._around(name)}
        ruled = {name: self._rename(name) for name in listed if name not in shifted and self._rename(name) != name}
        found: dict[str, str] = {}
        how: dict[str, str] = {}
        free = set(port_names)
        exact = {name: name for name in listed if name not in shifted}
        # The recipe's own rules come first: they say so because the exact name is another thing.
        for kind, candidates in (("rule", ruled), ("shape", shifted), ("exact", exact)):
            for name, port_name in candidates.items():
                if name not in found and port_name in free:
                    found[name], how[name] = port_name, kind
                    free.remove(port_name)
        return found, how

    def _around(self, name: str) -> str:
        """Return the innermost module of a shifted sequence that a name is or lies in, '' for none."""
        while name and name not in self.moved:
            name = parent_of(name)
        return name

    def _moved_to(self, name: str) -> str | None:
        around = self._around(name)
        place = self.moved[around]
        if place is None or name == around:
            return place
        before, ruled = self._rename(f"{around}."), self._rename(name)
        return f"{place}.{ruled.removeprefix(before) if ruled.startswith(before) else name[len(around) + 1 :]}"


def _modules_by_name(
    places: _Places, ours: Side, theirs: Side, names: Iterable[str]
) -> tuple[dict[str, str], set[str]]:
    """Pair modules by name; return also those that have no partner because class and shape contradict an equal name."""
    modules, how = places.pairs(names, set(theirs.classes))
    lost = {name for name, kind in how.items() if kind == "exact" and contradicts(ours, theirs, name, modules[name])}
    return {name: port_name for name, port_name in modules.items() if name not in lost}, lost


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


def _is_guessed(
    module: str,
    modules: Mapping[str, str],
    named: Collection[str],
    state: Mapping[str, str],
    how: Mapping[str, str],
) -> bool:
    """Tell whether nothing but guesses speak for a module's partner: those of its own tensors, or for what is around it."""
    if module in named or module not in modules:
        return False
    inside = [
        how[name]
        for name, port_name in state.items()
        if name.startswith(f"{module}.") and port_name.startswith(f"{modules[module]}.")
    ]
    if not inside:
        return _is_guessed(parent_of(module), modules, named, state, how)
    return set(inside) == {"guess"}


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


def _follow_classes(
    modules: dict[str, str], ours: Side, theirs: Side, state: Mapping[str, str], lost: Collection[str]
) -> None:
    """Pair what lies in no other module and is the only one of its class that is left: first with its last name, then at all."""
    for last in (True, False):
        left = _only_ones(ours, modules.keys() | lost, last=last)
        right = _only_ones(theirs, modules.values(), last=last)
        pairs = ((name, right[kind]) for kind, name in left.items() if kind in right)
        modules.update({name: port_name for name, port_name in pairs if _agree(ours, theirs, (name, port_name), state)})


def _only_ones(side: Side, taken: Collection[str], *, last: bool) -> dict[tuple[str, str], str]:
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, class_ in side.classes.items():
        if class_ and name not in taken and parent_of(name) not in side.classes:
            kinds[class_, name.rpartition(".")[2] if last else ""].append(name)
    return {kind: names[0] for kind, names in kinds.items() if len(names) == 1}


def _agree(ours: Side, theirs: Side, pair: tuple[str, str], state: Mapping[str, str]) -> bool:
    """Tell whether no tensor in one of two modules has its partner outside the other."""
    inside, port_inside = (
        {f"{name}.{tensor}" for tensor, _ in side.inside(name)} for side, name in zip((ours, theirs), pair, strict=True)
    )
    known = not inside or any(name in inside for name in state)
    return known and all((name in inside) == (port_name in port_inside) for name, port_name in state.items())


def _follow_parents(modules: dict[str, str], names: Sequence[str], port_names: set[str]) -> None:
    for name in names:
        parent = parent_of(name)
        if name not in modules and parent in modules:
            candidate = f"{modules[parent]}.{name.rpartition('.')[2]}"
            if candidate in port_names and candidate not in modules.values():
                modules[name] = candidate
