"""Tensors that no name pairs, paired in the order in which both sides define them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

Shape = tuple[int, ...]
Entries = Sequence[tuple[str, Shape]]


def by_order(reference: Entries, port: Entries) -> dict[str, str]:
    """Pair tensors of one shape and one last name in order, where both sides have equally many.

    First those whose modules' last names agree too, as many of them as possible: ``attn.q.weight`` goes to another
    ``attn.q.weight`` before any ``k.weight``. Numbers agree with all numbers, since one side may count from 1.
    """
    found: dict[str, str] = {}
    deepest = max((name.count(".") + 1 for name, _ in reference), default=0)
    for depth in range(deepest, 0, -1):
        taken = set(found.values())
        left = [entry for entry in reference if entry[0] not in found]
        found.update(_in_groups(left, [entry for entry in port if entry[0] not in taken], depth))
    return found


def _in_groups(reference: Entries, port: Entries, depth: int) -> Iterator[tuple[str, str]]:
    ours, theirs = _grouped(reference, depth), _grouped(port, depth)
    for key, names in ours.items():
        if len(names) == len(theirs.get(key, ())):
            yield from zip(names, theirs[key], strict=True)


def _grouped(entries: Entries, depth: int) -> dict[tuple[object, Shape], list[str]]:
    """Return names by their last parts and shape; those that have fewer parts are left out."""
    groups: dict[tuple[object, Shape], list[str]] = defaultdict(list)
    for name, shape in entries:
        parts = name.split(".")
        if len(parts) >= depth:
            key = tuple("*" if part.isdecimal() else part for part in parts[-depth:])
            groups[key, shape].append(name)
    return groups
