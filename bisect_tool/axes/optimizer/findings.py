"""How the port's optimizer steps otherwise than the reference's, told by the parameters after the step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.axes.optimizer.stepped import Apart, Side, Stepped, apart, fit
from bisect_tool.axes.optimizer.update_rules import Rule, Sgd, declared, differing, guesses, with_field
from bisect_tool.axes.optimizer.words import BY_ITSELF, difference_words, kind_of, off_words, spelled
from bisect_tool.finding import Finding


@dataclass(frozen=True)
class Group:
    """A group of an optimizer: its class's ``name``, its ``settings``, its ``parameters`` by the reference's names."""

    name: str
    settings: Mapping[str, float | bool]
    parameters: tuple[str, ...]


@dataclass
class Cell:
    """The parameters that are in one group of the reference and in one of the port.

    Attributes: the two groups, None for none; all ``names`` that have a gradient; those that are ``off``.
    """

    reference: Group | None
    port: Group | None
    names: list[str] = field(default_factory=list)
    off: list[Apart] = field(default_factory=list)


@dataclass(frozen=True)
class Mistake:
    """A mistake in one cell: check and words, the parameters that have it, and those whose numbers show it."""

    check: str
    words: str
    names: tuple[str, ...]
    shown: tuple[str, ...]


def step_findings(reference: Sequence[Group], port: Sequence[Group], pairs: Iterable[Stepped]) -> list[Finding]:
    """List the mistakes that the parameters after the step show, one finding for each with all that have it.

    What the numbers do not show is not listed, whatever the settings say; where the numbers are neither the settings'
    nor a known mistake's, one finding says by how much they are off.
    """
    kinds: dict[str, str] = {}
    cells = _cells(reference, port, pairs, kinds)
    found: dict[tuple[str, str], list[Mistake]] = {}
    unexplained: list[Apart] = []
    for cell in cells:
        for mistake in _mistakes(cell, kinds, unexplained):
            found.setdefault((mistake.check, mistake.words), []).append(mistake)
    findings = []
    for (check, words), mistakes in found.items():
        names = [name for mistake in mistakes for name in mistake.names]
        shown = sum(len(mistake.shown) for mistake in mistakes)
        of = "" if shown == len(names) else f"; shown by the values of {shown}"
        findings.append(Finding(check, tuple(names), f"{words}: {spelled(names, kinds)}{of}"))
    if unexplained:
        names = [parameter.name for parameter in unexplained]
        findings.append(Finding("step", tuple(names), f"{off_words(unexplained)}: {spelled(names, kinds)}"))
    return findings


def _cells(
    reference: Sequence[Group], port: Sequence[Group], pairs: Iterable[Stepped], kinds: dict[str, str]
) -> list[Cell]:
    ours, theirs = ({name: group for group in side for name in group.parameters} for side in (reference, port))
    cells: dict[tuple[int, int], Cell] = {}
    for pair in pairs:
        groups = ours.get(pair.name), theirs.get(pair.name)
        if pair.gradient is None:
            continue
        kinds[pair.name] = kind_of(pair)
        cell = cells.setdefault((id(groups[0]), id(groups[1])), Cell(*groups))
        cell.names.append(pair.name)
        cell.off += filter(None, [apart(pair)])
    return [cell for cell in cells.values() if cell.off]


def _mistakes(cell: Cell, kinds: Mapping[str, str], unexplained: list[Apart]) -> Iterator[Mistake]:
    names = tuple(cell.names)
    for side, check, words in BY_ITSELF:
        group = cell.reference if side == "reference" else cell.port
        if group is None and all(p.unmoved(side) for p in cell.off):
            yield Mistake(check, words, names, tuple(p.name for p in cell.off))
            return
    ours, theirs = _rule(cell.reference, cell.off, "reference"), _rule(cell.port, cell.off, "port")
    told = [p for p in cell.off if ours and theirs and p.taken_by(ours, "reference") and p.taken_by(theirs, "port")]
    still = [p for p in cell.off if p not in told and p.unmoved("port")]
    left = [p for p in cell.off if p not in told and p not in still]
    if told and ours and theirs:
        others = {p.name for p in left + still}
        yield from _between(ours, theirs, tuple(n for n in names if n not in others), told, declared=True)
    if still:
        frozen = tuple(p.name for p in still)
        yield Mistake("step-frozen", "never changes, though a group has it", frozen, frozen)
    kinds_left = [[p for p in left if kinds[p.name] == kind] for kind in dict.fromkeys(kinds[p.name] for p in left)]
    guess = _guessed(ours, left) if left else None
    for alike in [left] if guess else kinds_left:
        guess = _guessed(ours, alike)
        if ours and guess:
            yield from _between(ours, guess, tuple(p.name for p in alike), alike, declared=False)
        else:
            unexplained += alike


def _rule(group: Group | None, parameters: Sequence[Apart], side: Side) -> Rule | None:
    """Return the reading of a group's settings that takes the steps of most parameters."""
    rules = [] if group is None else declared(group.settings, group.name)
    counts = [sum(p.taken_by(rule, side) for p in parameters) for rule in rules]
    return rules[counts.index(max(counts))] if counts else None


def _guessed(ours: Rule | None, parameters: Sequence[Apart]) -> Rule | None:
    """Return the rule nearest to the reference's that takes all steps of the port, none where none does."""
    if not isinstance(ours, Sgd) or not all(p.taken_by(ours, "reference") for p in parameters):
        return None
    found = fit(parameters, "port")
    rules = [] if found is None else guesses(ours, found)
    return next((rule for rule in rules if all(p.taken_by(rule, "port") for p in parameters)), None)


def _between(
    ours: Rule, theirs: Rule, names: tuple[str, ...], told: Sequence[Apart], *, declared: bool
) -> Iterator[Mistake]:
    if type(ours) is not type(theirs):
        words = f"steps as {type(theirs).__name__} does, reference as {type(ours).__name__}"
        yield Mistake("step-optimizer", words, names, tuple(p.name for p in told))
        return
    for name in differing(ours, theirs):
        if name == "first" and isinstance(ours, Sgd) and not ours.dampening:
            continue  # what the reference does not dampen, it dampens at no step
        shown = tuple(
            p.name
            for p in told
            if p.tells(ours, with_field(ours, name, theirs)) or p.tells(theirs, with_field(theirs, name, ours))
        )
        if shown:
            yield Mistake(*difference_words(name, ours, theirs, declared=declared), names, shown)
