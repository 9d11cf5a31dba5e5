"""Which tensor of a value stands for which recorded one, where the two are structured otherwise."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Hashable, List, Optional, Sequence, Tuple

Leaf = Tuple[str, Sequence[int]]  # path, shape
Key = Callable[[Leaf], Optional[Hashable]]  # what leaves are paired by, None for one that has no such thing


def partners(expected: Sequence[Leaf], found: Sequence[Leaf]) -> list[int | None]:
    """Return for each of some found leaves (path, shape) which of the expected it stands for, None for none.

    By path, if the shapes agree or the path ends in a name; then by that name; then by shape, where one alone has it on
    each side, and in order among those that share one; at last by position, or where a single one is left of single ones.
    """
    pairs: Dict[int, int] = {}
    ways: List[Tuple[Key, bool]] = [
        (lambda leaf: (leaf[0], _shape(leaf)), False),
        (lambda leaf: leaf[0] if _name(leaf) else None, False),
        (lambda leaf: (_name(leaf), _shape(leaf)) if _name(leaf) else None, False),
        (_name, True),
        (_shape, True),
        (_shape, False),
        (lambda leaf: leaf[0], False),
        (lambda _leaf: "" if len(expected) == len(found) == 1 else None, True),
    ]
    for key, alone in ways:
        _pair(expected, found, pairs, key, alone)
    return [pairs.get(place) for place in range(len(found))]


def _pair(expected: Sequence[Leaf], found: Sequence[Leaf], pairs: dict[int, int], key: Key, alone: bool) -> None:
    """Pair what is left by a key, in order; where ``alone`` only what one leaf of each side has."""
    ours = _by_key(expected, set(pairs.values()), key)
    theirs = _by_key(found, set(pairs), key)
    for value, places in theirs.items():
        others = ours.get(value, [])
        if not alone or len(places) == len(others) == 1:
            pairs.update(zip(places, others))


def _by_key(leaves: Sequence[Leaf], taken: set[int], key: Key) -> dict[Any, list[int]]:
    groups: Dict[Any, List[int]] = {}
    for place, leaf in enumerate(leaves):
        value = key(leaf)
        if value is not None and place not in taken:
            groups.setdefault(value, []).append(place)
    return groups


def _name(leaf: Leaf) -> str | None:
    """Return the last part of a path, None where it is but a position."""
    last = leaf[0].rpartition(".")[2]
    return None if last.isdigit() or not last else last


def _shape(leaf: Leaf) -> tuple[int, ...]:
    """Return a shape; one element is one element, whether it has axes or not: Jittor has no scalars."""
    return tuple(leaf[1]) if math.prod(leaf[1]) != 1 else ()
