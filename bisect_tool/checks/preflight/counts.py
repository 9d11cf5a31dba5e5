"""How many parameters and buffers there are, and a difference as a sum of named tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.captures.described import Described, StateEntry
from bisect_tool.checks.preflight.sides import modules_around, partners, sides
from bisect_tool.finding import Finding
from bisect_tool.frameworks import known_framework
from bisect_tool.pairing.pair import Pair
from bisect_tool.sentences.spelling import counted

MOST_TERMS = 6
MOST_TENSORS = 6  # of a module; of more the largest few are named
FEW_TENSORS = 3
RUNNING = ("running_mean", "running_var")


@dataclass(frozen=True)
class Term:
    """A part of a difference. Attributes: ``size`` (what the port has more), ``what``, ``tensors`` (their names)."""

    size: int
    what: str
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """How many numbers of one kind the ``reference`` and the ``port`` have, and the ``terms`` of the difference."""

    reference: int
    port: int
    terms: tuple[Term, ...]

    @property
    def more(self) -> int:
        """Return how many more the port has; less than 0 for fewer."""
        return self.port - self.reference


def parameters(pair: Pair) -> list[Finding]:
    """Compare the number of parameters, and explain the difference by the tensors that make it."""
    found = _counted(pair, "parameter")
    if not found.more:
        return []
    words = f"the port has {found.port:,} parameters, {_more(found.more)} than the reference's {found.reference:,}"
    return [Finding("parameters", (), f"{words}: {_sum(found.terms)}")]


def buffers(pair: Pair) -> list[Finding]:
    """Compare how many numbers lie in buffers, and explain the difference by the tensors that make it."""
    found = _counted(pair, "buffer")
    if not found.terms:
        return []
    running = all(name.endswith(RUNNING) for term in found.terms for name in term.tensors)
    kind = " (running statistics)" if running else ""
    difference = f"{_more(found.more)}{kind} than" if found.more else f"as many{kind} as, but not the same as,"
    words = (
        f"beside the parameters the port has {found.port:,} numbers in buffers, {difference} "
        f"the reference's {found.reference:,}: {_sum(found.terms)}"
    )
    known = known_framework(pair.port.framework)
    if known.lists_buffers and found.more:
        both = found.more + _counted(pair, "parameter").more
        words += f"; parameters() of {known.title} lists buffers too: counted with them the port has {_more(both)}"
    return [Finding("buffers", (), words)]


def _counted(pair: Pair, kind: str) -> Count:
    """Count a kind of state, and explain what the port has more or fewer."""
    reference, names, modules = pair.reference.described, pair.matching.state, pair.matching.modules
    paired = partners(pair)
    back = {port: name for name, port in paired.items()}
    ours, theirs = sides(pair, kind)
    added = [entry for name, entry in theirs.items() if name not in back]
    lost = [entry for name, entry in ours.items() if name not in paired]
    reverse = {port: name for name, port in names.items()}
    terms = [
        *_resized((entry, theirs[paired[name]]) for name, entry in ours.items() if name in paired),
        *_alone(added, pair.port, reference, reverse, set(modules.values()), "the reference's", 1),
        *_alone(lost, reference, pair.port, names, set(modules), "the port's", -1),
    ]
    return Count(
        sum(entry.size for entry in ours.values()),
        sum(entry.size for entry in theirs.values()),
        tuple(term for term in terms if term.size),
    )


def _resized(pairs: Iterable[tuple[StateEntry, StateEntry]]) -> Iterator[Term]:
    for ours, theirs in pairs:
        words = f"{ours.name} {list(theirs.shape)} for {list(ours.shape)}"
        yield Term(theirs.size - ours.size, words, (ours.name,))


def _alone(
    entries: Sequence[StateEntry],
    side: Described,
    other: Described,
    names: Mapping[str, str],
    modules: Collection[str],
    whose: str,
    sign: int,
) -> Iterator[Term]:
    """Yield what one side alone counts, together by the highest module that no part of which has a partner.

    ``names`` and ``modules`` are those of this side that have a partner, ``whose`` is the other side in words.
    """
    shared = {module for name in names for module in modules_around(name)} | set(modules)
    lone = {module.name for module in side.modules} - shared
    first = {entry.name: entry.alias_of for entry in other.state}
    groups: dict[str, list[StateEntry]] = defaultdict(list)
    for entry in entries:
        groups[next((module for module in modules_around(entry.name) if module in lone), entry.name)].append(entry)
    for top, group in groups.items():
        tied = first.get(names.get(top, ""))
        words = f"{top} ({whose} is the same tensor as {tied})" if tied else _described(top, group)
        yield Term(sign * sum(entry.size for entry in group), words, tuple(entry.name for entry in group))


def _described(top: str, group: Sequence[StateEntry]) -> str:
    if len(group) == 1:
        return group[0].name
    largest = sorted(group, key=lambda entry: -entry.size)[: len(group) if len(group) <= MOST_TENSORS else FEW_TENSORS]
    shown = ", ".join(f"{entry.size:,} in {entry.name.removeprefix(f'{top}.')}" for entry in largest)
    more = f" and {len(group) - len(largest)} more" if len(largest) < len(group) else ""
    return f"{top} ({counted(len(group), 'tensor')}: {shown}{more})"


def _sum(terms: Sequence[Term]) -> str:
    """Return terms as a sum, the largest first, and what is left of many in one."""
    ordered = sorted(terms, key=lambda term: -abs(term.size))
    shown = ordered if len(ordered) <= MOST_TERMS else ordered[: MOST_TERMS - 1]
    rest = ordered[len(shown) :]
    parts = [(term.size, term.what) for term in shown]
    if rest:
        parts.append((sum(term.size for term in rest), f"{sum(len(term.tensors) for term in rest)} other tensors"))
    return " ".join(f"{'-' if size < 0 else '+'} {abs(size):,} of {what}" for size, what in parts)


def _more(number: int) -> str:
    return f"{abs(number):,} {'fewer' if number < 0 else 'more'}"
