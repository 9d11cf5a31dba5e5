"""The parameters and buffers of both sides, module by module, as rows that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from bisect_tool.captures.described import Described
from bisect_tool.checks.preflight.sides import modules_around, partners, sides
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import parent_of

KINDS = {"parameters": "parameter", "buffers": "buffer"}
Numbers = Counter[tuple[str, str]]  # how many, by a key of KINDS and the side


class Both(TypedDict):
    """A number on both sides, and what the port has more."""

    reference: int
    port: int
    difference: int


class ModuleRow(TypedDict):
    """The parameters and buffers of one module, as the report has them (``report/data.py``)."""

    row: Literal["module", "own", "total"]
    name: str
    renamed: str | None
    depth: int
    parameters: Both
    buffers: Both


@dataclass
class ModuleNumbers:
    """A module with what lies in it.

    Attributes: ``name`` (the reference's, or the port's where it alone has the module), ``renamed`` (the port's name
    where it is another one), ``own`` (numbers of tensors that lie in it directly), ``inner`` (its modules).
    """

    name: str
    renamed: str | None = None
    own: Numbers = field(default_factory=Counter)
    inner: list[ModuleNumbers] = field(default_factory=list)

    def numbers(self) -> Numbers:
        """Return how many numbers lie in it, at any depth."""
        return sum((module.numbers() for module in self.inner), +self.own)

    def differs(self) -> bool:
        """Tell whether some module in it, or it itself, has not as many on both sides."""
        own = any(self.own[kind, "reference"] != self.own[kind, "port"] for kind in KINDS)
        return own or any(module.differs() for module in self.inner)

    def opens(self) -> bool:
        """Tell whether its parts say more than it does: what one side lacks altogether is one thing."""
        both = len({side for _, side in self.numbers()}) > 1
        return both and self.differs() and any(module.numbers() for module in self.inner)


def census(pair: Pair) -> list[ModuleRow]:
    """Return parameters and buffers by module on both sides; nothing where all modules have as many.

    A row's parts follow it, one deeper (``depth``), and add up to it: modules, and in an "own" row the tensors that
    lie in it directly. Only a module in which something differs has its parts told. The last row is the total.
    """
    root = _tree(pair)
    if not root.differs():
        return []
    return [*_parts(root, 0), _row("total", root, root.numbers(), 0)]


def _parts(module: ModuleNumbers, depth: int) -> Iterator[ModuleRow]:
    if module.own.total():
        yield _row("own", module, module.own, depth)
    for part in module.inner:
        if part.numbers():
            yield _row("module", part, part.numbers(), depth)
        if part.opens():
            yield from _parts(part, depth + 1)


def _row(what: Literal["module", "own", "total"], module: ModuleNumbers, numbers: Numbers, depth: int) -> ModuleRow:
    return ModuleRow(
        row=what,
        name=module.name,
        renamed=module.renamed,
        depth=depth,
        parameters=_both(numbers, "parameters"),
        buffers=_both(numbers, "buffers"),
    )


def _both(numbers: Numbers, kind: str) -> Both:
    ours, theirs = numbers[kind, "reference"], numbers[kind, "port"]
    return Both(reference=ours, port=theirs, difference=theirs - ours)


def _tree(pair: Pair) -> ModuleNumbers:
    """Return the modules of both sides in one tree: a tensor of the port lies where its partner does."""
    back = {port: name for name, port in partners(pair).items()}
    places = _places(pair)
    ours = dict.fromkeys(_modules(pair.reference.described))
    port_names = {place: module for module, place in places.items()}
    tree = {"": ModuleNumbers("")}
    for place in ours | dict.fromkeys(port_names):
        port_name = port_names.get(place)
        if place in ours:
            tree[place] = ModuleNumbers(place, port_name if port_name != place else None)
        else:
            tree[place] = ModuleNumbers(port_name or place)
    for place in list(tree)[1:]:
        tree[parent_of(place)].inner.append(tree[place])
    for kind, word in KINDS.items():
        reference, port = sides(pair, word)
        for name, entry in reference.items():
            tree[parent_of(name)].own[kind, "reference"] += entry.size
        for name, entry in port.items():
            place = parent_of(back[name]) if name in back else places[parent_of(name)]
            tree[place].own[kind, "port"] += entry.size
    return tree[""]


def _modules(described: Described) -> list[str]:
    """Return all modules, also those that only names of state speak of, parents before their children."""
    named = [*(module.name for module in described.modules), *(parent_of(entry.name) for entry in described.state)]
    return [module for name in dict.fromkeys(named) if name for module in (*modules_around(name), name)]


def _places(pair: Pair) -> dict[str, str]:
    """Return where the port's modules are in the reference's tree: at their partner, or in their parent's place."""
    paired = pair.matching.modules
    back = {port: name for name, port in paired.items()}
    places = {"": ""}
    for module in _modules(pair.port):
        inside, last = places[parent_of(module)], module.rpartition(".")[2]
        place = f"{inside}.{last}" if inside else last
        # The reference's module of this name may be another one of the port's.
        places[module] = back.get(module, f"{place} (port)" if place in paired else place)
    return places
