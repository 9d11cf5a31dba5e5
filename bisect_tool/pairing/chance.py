"""Sister layers that nothing but equal drawn numbers tells apart, which may be chance.

Two nets that are drawn in one order from one seed hold the same numbers in the same order, whichever layer is which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from bisect_tool.pairing.order import Entries, leaf, told, words
from bisect_tool.sites import parent_of


def alike(
    reference: Entries, port: Entries, state: Mapping[str, str], how: Mapping[str, str], fixed: Collection[str]
) -> tuple[frozenset[str], ...]:
    """Return sets of modules of one parent whose tensors of one shape are paired by drawn numbers, in the order of both sides.

    Not where the words of their names tell them apart: ``q`` is ``wq``.
    """
    groups: dict[object, list[str]] = defaultdict(list)
    for name, shape in reference:
        if how.get(name) == "values" and name not in fixed and parent_of(name):
            groups[parent_of(parent_of(name)), leaf(name), shape].append(name)
    places = {name: place for place, (name, _) in enumerate(port)}
    found = []
    for names in groups.values():
        in_order = sorted(names, key=lambda name: places[state[name]]) == names
        theirs = [state[name] for name in names]
        named = all(told((name, state[name]), names, theirs, _share_a_word) for name in names)
        if len(names) > 1 and in_order and not named:
            found.append(frozenset(map(parent_of, names)))
    return tuple(dict.fromkeys(found))


def _share_a_word(name: str, port_name: str) -> bool:
    """Tell whether two modules share a word, or what one is called begins or ends the other: ``q``, ``wq`` and ``q_proj``.

    Sisters lie in one place, and so their names are short: one word in common says which is which, if no other has it.
    """
    one, other = words(name), words(port_name)
    first, second = sorted(("".join(one), "".join(other)), key=len)
    return bool(first) and (not set(one).isdisjoint(other) or second.startswith(first) or second.endswith(first))
