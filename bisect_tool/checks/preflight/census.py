"""How many parameters and buffers there are, and a difference as a sum of named tensors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bisect_tool.captures.manifest import Described, StateEntry
from bisect_tool.finding import Finding, counted
from bisect_tool.frameworks import known_framework
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import parent_of

MOST_TERMS = 6
MOST_TENSORS = 6  # of a module; of more the largest few are named
FEW_TENSORS = 3
RUNNING = ("running_mean", "running_var")
KINDS = {"parameters": "parameter", "buffers": "buffer"}
Numbers = Counter[tuple[str, str]]  # how many, by a key of KINDS and the side


@dataclass(frozen=True)
class Term:
    """A part of a difference. Attributes: ``size`` (what the port has more), ``what``, ``tensors`` (their names)."""

    size: int
    what: str
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class Census:
    """How many numbers of one kind the ``reference`` and the ``port`` have, and the ``terms`` of the difference."""

    reference: int
    port: int
    terms: tuple[Term, ...]

    @property
    def more(self) -> int:
        """Return how many more the port has; less than 0 for fewer."""
        return self.port - self.reference


@dataclass
class Branch:
    """A module with what lies in it.

    Attributes: ``name`` (the reference's, or the port's where it alone has the module), ``renamed`` (the port's name
    where it is another one), ``own`` (numbers of tensors that lie in it directly), ``inner`` (its modules).
    """

    name: str
    renamed: str | None = None
    own: Numbers = field(default_factory=Counter)
    inner: list[Branch] = field(default_factory=list)

    def numbers(self) -> Numbers:
        """Return how many numbers lie in it, at any depth."""
        return sum((branch.numbers() for branch in self.inner), +self.own)

    def differs(self) -> bool:
        """Tell whether some module in it, or it itself, has not as many on both sides."""
        own = any(self.own[kind, "reference"] != self.own[kind, "port"] for kind in KINDS)
        return own or any(branch.differs() for branch in self.inner)

    def opens(self) -> bool:
        """Tell whether its parts say more than it does: what one side lacks altogether is one thing."""
        both = len({side for _, side in self.numbers()}) > 1
        return both and self.differs() and any(branch.numbers() for branch in self.inner)


def parameters(pair: Pair) -> list[Finding]:
    """Compare the number of parameters, and explain the difference by the tensors that make it."""
    found = _census(pair, "parameter")
    if not found.more:
        return []
    words = f"the port has {found.port:,} parameters, {_more(found.more)} than the reference's {found.reference:,}"
    return [Finding("parameters", (), f"{words}: {_sum(found.terms)}")]


def buffers(pair: Pair) -> list[Finding]:
    """Compare how many numbers lie in buffers, and explain the difference by the tensors that make it."""
    found = _census(pair, "buffer")
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
        both = found.more + _census(pair, "parameter").more
        words += f"; parameters() of {known.title} lists buffers too: counted with them the port has {_more(both)}"
    return [Finding("buffers", (), words)]


def census(pair: Pair) -> list[dict[str, Any]]:
    """Return parameters and buffers by module on both sides; nothing where all modules have as many.

    A row's parts follow it, one deeper (``depth``), and add up to it: modules, and in an "own" row the tensors that
    lie in it directly. Only a module in which something differs has its parts told. The last row is the total.
    """
    root = _tree(pair)
    if not root.differs():
        return []
    return [*_parts(root, 0), _row("total", root, root.numbers(), 0)]


def _parts(branch: Branch, depth: int) -> Iterator[dict[str, Any]]:
    if branch.own.total():
        yield _row("own", branch, branch.own, depth)
    for part in branch.inner:
        if part.numbers():
            yield _row("module", part, part.numbers(), depth)
        if part.opens():
            yield from _parts(part, depth + 1)


def _row(what: str, branch: Branch, numbers: Numbers, depth: int) -> dict[str, Any]:
    row: dict[str, Any] = {"row": what, "name": branch.name, "renamed": branch.renamed, "depth": depth}
    for kind in KINDS:
        ours, theirs = numbers[kind, "reference"], numbers[kind, "port"]
        row[kind] = {"reference": ours, "port": theirs, "difference": theirs - ours}
    return row


def _tree(pair: Pair) -> Branch:
    """Return the modules of both sides in one tree: a tensor of the port lies where its partner does."""
    back = {port: name for name, port in _partners(pair).items()}
    places = _places(pair)
    ours = dict.fromkeys(_modules(pair.reference.described))
    port_names = {place: module for module, place in places.items()}
    tree = {"": Branch("")}
    for place in ours | dict.fromkeys(port_names):
        port_name = port_names.get(place)
        if place in ours:
            tree[place] = Branch(place, port_name if port_name != place else None)
        else:
            tree[place] = Branch(port_name or place)
    for place in list(tree)[1:]:
        tree[parent_of(place)].inner.append(tree[place])
    for kind, word in KINDS.items():
        reference, port = _sides(pair, word)
        for name, entry in reference.items():
            tree[parent_of(name)].own[kind, "reference"] += entry.size
        for name, entry in port.items():
            place = parent_of(back[name]) if name in back else places[parent_of(name)]
            tree[place].own[kind, "port"] += entry.size
    return tree[""]


def _modules(described: Described) -> list[str]:
    """Return all modules, also those that only names of state speak of, parents before their children."""
    named = [*(module.name for module in described.modules), *(parent_of(entry.name) for entry in described.state)]
    return [module for name in dict.fromkeys(named) if name for module in (*_around(name), name)]


def _places(pair: Pair) -> dict[str, str]:
    """Return where the port's modules are in the reference's tree: at their partner, or in their parent's place."""
    partners = pair.matching.modules
    back = {port: name for name, port in partners.items()}
    places = {"": ""}
    for module in _modules(pair.port):
        inside, last = places[parent_of(module)], module.rpartition(".")[2]
        place = f"{inside}.{last}" if inside else last
        # The reference's module of this name may be another one of the port's.
        places[module] = back.get(module, f"{place} (port)" if place in partners else place)
    return places


def _census(pair: Pair, kind: str) -> Census:
    """Count a kind of state, and explain what the port has more or fewer."""
    reference, names, modules = pair.reference.described, pair.matching.state, pair.matching.modules
    partners = _partners(pair)
    back = {port: name for name, port in partners.items()}
    ours, theirs = _sides(pair, kind)
    added = [entry for name, entry in theirs.items() if name not in back]
    lost = [entry for name, entry in ours.items() if name not in partners]
    reverse = {port: name for name, port in names.items()}
    terms = [
        *_resized((entry, theirs[partners[name]]) for name, entry in ours.items() if name in partners),
        *_alone(added, pair.port, reference, reverse, set(modules.values()), "the reference's", 1),
        *_alone(lost, reference, pair.port, names, set(modules), "the port's", -1),
    ]
    return Census(
        sum(entry.size for entry in ours.values()),
        sum(entry.size for entry in theirs.values()),
        tuple(term for term in terms if term.size),
    )


def _sides(pair: Pair, kind: str) -> tuple[dict[str, StateEntry], dict[str, StateEntry]]:
    """Return the reference's and the port's tensors of a kind, a tied one once.

    What has a partner is of the kind that the reference says.
    """
    back = {port: name for name, port in _partners(pair).items()}
    ours = {name: entry for name, entry in _first(pair.reference.described).items() if entry.kind == kind}
    theirs = {
        name: entry
        for name, entry in _first(pair.port).items()
        if (back[name] in ours if name in back else entry.kind == kind)
    }
    return ours, theirs


def _first(described: Described) -> dict[str, StateEntry]:
    """Return the state by name, without a tied tensor's later names."""
    return {entry.name: entry for entry in described.state if entry.alias_of is None}


def _partners(pair: Pair) -> dict[str, str]:
    """Return which tensor of the port is which of the reference's, all by their first names, each once."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for ours, theirs in pair.state():
        name, port = ours.alias_of or ours.name, theirs.alias_of or theirs.name
        if name not in found and port not in taken:
            found[name] = port
            taken.add(port)
    return found


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
    shared = {module for name in names for module in _around(name)} | set(modules)
    lone = {module.name for module in side.modules} - shared
    first = {entry.name: entry.alias_of for entry in other.state}
    groups: dict[str, list[StateEntry]] = defaultdict(list)
    for entry in entries:
        groups[next((module for module in _around(entry.name) if module in lone), entry.name)].append(entry)
    for top, group in groups.items():
        tied = first.get(names.get(top, ""))
        words = f"{top} ({whose} is the same tensor as {tied})" if tied else _described(top, group)
        yield Term(sign * sum(entry.size for entry in group), words, tuple(entry.name for entry in group))


def _around(name: str) -> list[str]:
    """Return the modules that a name lies in, the highest first."""
    found = []
    while name := parent_of(name):
        found.append(name)
    return found[::-1]


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
