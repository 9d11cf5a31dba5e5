"""Which variable of the port is which of the reference's: by function, name and number; then by value; then by order."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.probes.handed import Variable
from bisect_tool.sentences import lines as sentences
from bisect_tool.sites import Site, variable_of


@dataclass(frozen=True)
class LinePairs:
    """The variables that mean the same on both sides, and the rest.

    Attributes: ``to_port`` (the reference's site to the port's), ``ours`` and ``theirs`` (what has no partner),
    ``proposed`` (what a pair rests on, where that is not the name: in words).
    """

    to_port: Mapping[Site, Site]
    ours: tuple[Variable, ...]
    theirs: tuple[Variable, ...]
    proposed: Mapping[Site, str] = field(default_factory=dict)


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

    pairs = _by_key(ours, theirs, {}, lambda v: (port_name(v), v.passed), lambda v: (variable_of(v.site), v.passed))
    return paired(pairs, ours, theirs)


def of_one_size(pairs: LinePairs, ours: Sequence[Variable], theirs: Sequence[Variable]) -> LinePairs:
    """Return the pairs of variables that have the same sizes on both sides: any other name may mean something else on each."""
    left, right = ({v.site: sizes(v) for v in side} for side in (ours, theirs))
    alike = {mine: port for mine, port in pairs.to_port.items() if left[mine] == right[port]}
    return paired(alike, ours, theirs, pairs.proposed)


def not_elsewhere(pairs: LinePairs, same: Mapping[Site, Site]) -> dict[Site, Site]:
    """Return the pairs of the same values without those that would break a pair by name for what lies in another function.

    That may be a copy, which was handed on.
    """
    named = {port: mine for mine, port in pairs.to_port.items()}
    return {
        mine: port
        for mine, port in same.items()
        if _function(pairs.to_port.get(mine, port)) == _function(port)
        and _function(named.get(port, mine)) == _function(mine)
    }


def unless_found(
    pairs: LinePairs, same: Mapping[Site, Site], ours: Sequence[Variable], theirs: Sequence[Variable]
) -> LinePairs:
    """Return the pairs without those of which either has the same values as another variable: that is who it is."""
    found = set(same.values())
    kept = {mine: port for mine, port in pairs.to_port.items() if mine not in same and port not in found}
    return paired(kept, ours, theirs, pairs.proposed)


def with_values(
    pairs: LinePairs, same: Mapping[Site, Site], ours: Sequence[Variable], theirs: Sequence[Variable]
) -> LinePairs:
    """Return the pairs with those that have the same values, and with what follows from them.

    A function that several pairs take for another one is that one: variables of one name in it are paired, and then what
    alone has its size between two neighbouring pairs.
    """
    same = _unswapped(_assigned_on_both(same, ours, theirs), ours, theirs)
    words = dict(pairs.proposed) | dict.fromkeys(same, sentences.EQUAL_VALUES)
    found = {**pairs.to_port, **same}
    partners = _partners(found)
    for function, partner in partners.items():
        left = [v for v in ours if v.function == function]
        right = [v for v in theirs if v.function == partner]
        if function != partner:
            named = _by_key(left, right, found, lambda v: (v.name, v.passed))
            words |= dict.fromkeys(named, sentences.name_in(partner))
            found |= named
        placed = _in_the_gaps(left, right, found)
        # What one side writes where it is needed may be a function of its own on the other.
        more_left = [v for v in ours if v.function == function or v.function not in partners]
        more_right = [v for v in theirs if v.function == partner or v.function not in partners.values()]
        for one, other in ((left, more_right), (more_left, right)):
            placed |= _in_the_gaps(one, other, found | placed, alone=True)
        words |= dict.fromkeys(placed, sentences.SIZE_AND_ORDER)
        found |= placed
    return paired(found, ours, theirs, words)


def _assigned_on_both(
    same: Mapping[Site, Site], ours: Sequence[Variable], theirs: Sequence[Variable]
) -> dict[Site, Site]:
    """Return the pairs of the same values without what the reference only hands a function, and the port assigns.

    The reference may assign it anew outside that function, which a port that never calls it does not.
    """
    handed = {variable.site for variable in ours if variable.passed}
    assigned = {variable.site for variable in theirs if not variable.passed}
    return {mine: port for mine, port in same.items() if mine not in handed or port not in assigned}


def _unswapped(same: Mapping[Site, Site], ours: Sequence[Variable], theirs: Sequence[Variable]) -> dict[Site, Site]:
    """Return the pairs of the same values without neighbours that are neighbours in the other order: swapped, maybe.

    Each then has the value that the other should have, and nothing but their use tells. A name that is the same tells, and so
    does another shape.
    """
    shapes = {variable.site: [shape for _, shape, _ in variable.parts] for variable in theirs}
    left = {variable.site: number for number, variable in enumerate(ours)}
    right = {variable.site: number for number, variable in enumerate(theirs)}
    swapped: set[Site] = set()
    by_place = {left[mine]: mine for mine in same if mine in left}
    for place, mine in by_place.items():
        after = by_place.get(place + 1)
        if after is None or not {same[mine], same[after]} <= right.keys():
            continue
        if shapes[same[mine]] != shapes[same[after]]:
            continue
        if right[same[mine]] == right[same[after]] + 1 and _function(same[mine]) == _function(same[after]):
            swapped |= {site for site in (mine, after) if _name(site) != _name(same[site])}
    return {mine: port for mine, port in same.items() if mine not in swapped}


def _function(site: Site) -> str:
    return site.partition(":")[0]


def _name(site: Site) -> str:
    return variable_of(site).partition(":")[2]


def _partners(pairs: Mapping[Site, Site]) -> dict[str, str]:
    """Return for each function of the reference the port's function that most of its variables are paired with."""
    votes: dict[str, Counter[str]] = {}
    for mine, theirs in pairs.items():
        votes.setdefault(_function(mine), Counter())[_function(theirs)] += 1
    return {function: counts.most_common(1)[0][0] for function, counts in votes.items()}


def _by_key(
    ours: Sequence[Variable],
    theirs: Sequence[Variable],
    known: Mapping[Site, Site],
    key: Callable[[Variable], Hashable],
    their_key: Callable[[Variable], Hashable] | None = None,
) -> dict[Site, Site]:
    """Pair what is not paired yet and has the same key, where both sides have as many of it."""
    taken = set(known.values())
    left: dict[Hashable, list[Variable]] = {}
    right: dict[Hashable, list[Variable]] = {}
    for variable in ours:
        if variable.site not in known:
            left.setdefault(key(variable), []).append(variable)
    for variable in theirs:
        if variable.site not in taken:
            right.setdefault((their_key or key)(variable), []).append(variable)
    return {
        a.site: b.site
        for name, group in left.items()
        if len(group) == len(right.get(name, ()))
        for a, b in zip(group, right[name], strict=True)
    }


def _in_the_gaps(
    ours: Sequence[Variable], theirs: Sequence[Variable], known: Mapping[Site, Site], *, alone: bool = False
) -> dict[Site, Site]:
    """Pair, between two neighbouring pairs of one function, what is as often of one size on both sides after the same call.

    With ``alone`` only where that is once.
    """
    places = {variable.site: number for number, variable in enumerate(theirs)}
    found: dict[Site, Site] = {}
    gap: list[Variable] = []
    start = 0
    for variable in [*ours, None]:
        partner = known.get(variable.site) if variable is not None else None
        if variable is not None and (partner is None or partner not in places):
            gap.append(variable)
            continue
        end = places[partner] if partner is not None else len(theirs)
        sizes = Counter(map(_size_and_place, gap))
        among = [one for one in gap if not alone or sizes[_size_and_place(one)] == 1]
        found |= _by_key(among, theirs[start:end], known, _size_and_place)
        gap, start = [], end + 1
    return found


def _size_and_place(variable: Variable) -> Hashable:
    return variable.passed, variable.after, sizes(variable)


def sizes(variable: Variable) -> tuple[int, ...]:
    """Return of how many numbers each part of a variable is, the fewest first."""
    return tuple(sorted(math.prod(shape) for _, shape, _ in variable.parts))


def paired(
    pairs: Mapping[Site, Site],
    ours: Sequence[Variable],
    theirs: Sequence[Variable],
    proposed: Mapping[Site, str] | None = None,
) -> LinePairs:
    """Return the pairs together with what is left over on both sides."""
    taken = set(pairs.values())
    return LinePairs(
        pairs,
        tuple(v for v in ours if v.site not in pairs),
        tuple(v for v in theirs if v.site not in taken),
        proposed or {},
    )
