"""What initial values say of names: two tensors that hold the same numbers, as no others do, are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Spread

Shape = tuple[int, ...]
Entries = Sequence[tuple[str, Shape]]


@dataclass(frozen=True)
class Values:
    """A side's initial values. Attributes: ``hashes`` (of tensors that are no constant), ``fixed`` (the same at every seed)."""

    hashes: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()


def values_of(described: Described, spread: Spread | None = None) -> Values:
    """Return what is known of a side's initial values, the reference's with those of its other initialisations."""
    entries = [e for e in described.state if e.hash is not None and e.min != e.max]
    others = spread.state if spread is not None else {}
    fixed = [
        e.name
        for e in entries
        if others.get(e.name)
        and all((s.mean, s.std, s.min, s.max) == (e.mean, e.std, e.min, e.max) for s in others[e.name])
    ]
    return Values({e.name: e.hash for e in entries if e.hash is not None}, frozenset(fixed))


def by_value(reference: Entries, port: Entries, ours: Values, theirs: Values) -> dict[str, str]:
    """Pair tensors of one shape that hold the same numbers, where no other tensor left over does."""
    left, right = _by_content(reference, ours), _by_content(port, theirs)
    return {names[0]: right[key][0] for key, names in left.items() if len(names) == len(right.get(key, ())) == 1}


def _by_content(entries: Entries, values: Values) -> dict[tuple[str, Shape], list[str]]:
    found: dict[tuple[str, Shape], list[str]] = defaultdict(list)
    for name, shape in entries:
        if name in values.hashes:
            found[values.hashes[name], shape].append(name)
    return found


def contradicted(guesses: Mapping[str, str], sure: Mapping[str, str], ours: Values, theirs: Values) -> Iterator[str]:
    """Yield the guessed pairs that hold other numbers though they should not: of a fixed tensor, or where the port loads weights."""
    loaded = _loads(sure.items(), ours, theirs)
    for name, port_name in guesses.items():
        here, there = ours.hashes.get(name), theirs.hashes.get(port_name)
        if here is not None and there is not None and here != there and (loaded or name in ours.fixed):
            yield name


def _loads(pairs: Iterable[tuple[str, str]], ours: Values, theirs: Values) -> bool:
    """Tell whether most of the pairs that are sure hold the same numbers, of those that are drawn."""
    same = [
        ours.hashes[name] == theirs.hashes[port_name]
        for name, port_name in pairs
        if name in ours.hashes and port_name in theirs.hashes and name not in ours.fixed
    ]
    return sum(same) * 2 > len(same)
