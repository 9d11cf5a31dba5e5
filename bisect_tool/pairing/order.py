"""Tensors that no name pairs, paired in the order in which both sides define them."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence

from bisect_tool.sites import parent_of

Shape = tuple[int, ...]
Entries = Sequence[tuple[str, Shape]]
Pairs = Iterator[tuple[str, str, bool]]  # ours, theirs, whether nothing but the order speaks for it
Key = Callable[[str], Hashable]  # of a name; None for one that has none
Akin = Callable[[str, str], bool]  # whether a name of ours and one of theirs may be the same thing's


def by_order(reference: Entries, port: Entries) -> tuple[dict[str, str], frozenset[str]]:
    """Pair tensors of one shape and one last name in order, where both sides have equally many; return which are guessed.

    First those whose modules' last names agree too, as many of them as possible: ``attn.q.weight`` goes to another
    ``attn.q.weight`` before any ``k.weight``; then those whose last words do (``lin_q.weight``). Numbers agree with all
    numbers, since one side may count from 1.
    """
    found: dict[str, str] = {}
    unsure: set[str] = set()
    deepest = max((name.count(".") + 1 for name, _ in reference), default=0)
    keys: list[tuple[Key, int]] = [(_last_parts(depth), depth) for depth in range(deepest, 1, -1)]
    for key, inside in (*keys, (worded, 2), (_last_parts(1), 1)):
        taken = set(found.values())
        left = [entry for entry in reference if entry[0] not in found]
        for ours, theirs, by_order_alone in _in_groups(left, [e for e in port if e[0] not in taken], key, inside):
            found[ours] = theirs
            if by_order_alone:
                unsure.add(ours)
    leaves = Counter(map(leaf, found))
    unsure.update(a for a, b in found.items() if _owner(a) != _owner(b) and leaves[leaf(a)] > 1)
    return found, frozenset(unsure)


def leaf(name: str) -> str:
    """Return the last name of a tensor."""
    return name.rpartition(".")[2]


def words(name: str) -> list[str]:
    """Return the words of what a tensor's module is called, in lower case: "lin" and "q" of ``attn.lin_q.0.weight``."""
    parts = [part for part in parent_of(name).split(".") if part and not part.isdecimal()]
    return [each.lower() for each in re.split(r"_+|(?<=[a-z])(?=[A-Z])", parts[-1]) if each] if parts else []


def word(name: str) -> str:
    """Return the last word of what a tensor's module is called; '' where that is a number."""
    found = words(name)
    return found[-1] if found and not found[-1].isdecimal() else ""


def worded(name: str) -> Hashable:
    """Return a tensor's last name with its module's last word, None where that has none."""
    return (word(name), leaf(name)) if word(name) else None


def told(pair: tuple[str, str], ours: Collection[str], theirs: Collection[str], akin: Akin) -> bool:
    """Tell whether what the two of a pair are called speaks for it: they are akin, and neither is to another one."""
    one, other = pair
    return [(a, b) for a in ours for b in theirs if (a == one or b == other) and akin(a, b)] == [pair]


def _owner(name: str) -> str:
    return leaf(parent_of(name))


def _last_parts(depth: int) -> Key:
    """Return a key of a name's last parts, which those that have fewer parts lack."""

    def key(name: str) -> Hashable:
        parts = name.split(".")
        return tuple("*" if part.isdecimal() else part for part in parts[-depth:]) if len(parts) >= depth else None

    return key


def _in_groups(reference: Entries, port: Entries, key: Key, inside: int) -> Pairs:
    ours, theirs = _grouped(reference, key), _grouped(port, key)
    for group, names in ours.items():
        if len(names) == len(theirs.get(group, ())):
            places = [_places(side, inside) for side in (names, theirs[group])]
            yield from ((a, b, not _placed(a, b, *places)) for a, b in zip(names, theirs[group], strict=True))


def _grouped(entries: Entries, key: Key) -> dict[tuple[Hashable, Shape], list[str]]:
    groups: dict[tuple[Hashable, Shape], list[str]] = defaultdict(list)
    for name, shape in entries:
        if key(name) is not None:
            groups[key(name), shape].append(name)
    return groups


def _placed(name: str, port_name: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Tell whether where a pair lies speaks for it: in the only such place, or in one that is called alike.

    Two copies of a net, a student and its teacher, have the same names inside.
    """
    left, right = set(ours.values()), set(theirs.values())
    return len(left) == len(right) == 1 or told((ours[name], theirs[port_name]), left, right, _begin_alike)


def _places(names: Sequence[str], inside: int) -> dict[str, str]:
    """Return where each tensor lies, any number there, without what is the same for all and its last parts, ``inside``."""
    parts = {name: re.sub(r"\d+", "*", name).split(".")[:-inside] for name in names}
    front = _shared(list(parts.values()))
    rest = {name: each[front:] for name, each in parts.items()}
    back = _shared([each[::-1] for each in rest.values()])
    return {name: ".".join(each[: len(each) - back]) for name, each in rest.items()}


def _shared(paths: Sequence[Sequence[str]]) -> int:
    """Return how many parts are the same for all, from the first one on."""
    return sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, zip(*paths, strict=False)))


def _begin_alike(place: str, port_place: str) -> bool:
    """Tell whether two places begin alike: ``enc`` and ``encoder``.

    One word in common is not enough for what is made of many: ``enc.x`` and ``decoder.x`` have one.
    """
    one, other = place.lower(), port_place.lower()
    return (one.startswith(other) or other.startswith(one)) and bool(one) == bool(other)
