"""What an optimizer does wrong with the parameters of one cell, as far as known update rules explain their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.axes.optimizer.cells import Cell, Group
from bisect_tool.axes.optimizer.stepped import Apart, Side, fit
from bisect_tool.axes.optimizer.update_rules import Rule, Sgd, declared, differing, guesses, with_field
from bisect_tool.sentences import optimizer as sentences

# The side in whose groups a parameter is missing, the check, and the words.
UNGROUPED: tuple[tuple[Side, str, str], ...] = (
    ("port", "step-missing", sentences.NEVER_CHANGES),
    ("reference", "step-extra", sentences.CHANGES),
)
# The check of each field of an update rule.
CHECKS = {
    "lr": "step-lr",
    "momentum": "step-momentum",
    "dampening": "step-dampening",
    "first": "step-dampening",
    "weight_decay": "step-decay",
    "decoupled": "step-decay",
    "nesterov": "step-nesterov",
    "beta1": "step-betas",
    "beta2": "step-betas",
    "eps": "step-eps",
    "early": "step-eps",
    "amsgrad": "step-amsgrad",
}


@dataclass(frozen=True)
class Mistake:
    """A mistake in one cell: check and words, the parameters that have it, and those whose numbers show it.

    ``setting`` is the field of the update rule that differs, if it is one.
    """

    check: str
    words: str
    names: tuple[str, ...]
    shown: tuple[str, ...]
    setting: str = ""


def mistakes_in(cell: Cell) -> tuple[list[Mistake], list[Apart]]:
    """Return the mistakes that the parameters of a cell show, and those parameters that no mistake explains."""
    for side, check, words in UNGROUPED:
        group = cell.reference if side == "reference" else cell.port
        if group is None and all(p.unmoved(side) for p in cell.off):
            return [Mistake(check, words, tuple(cell.kinds), _names(cell.off))], []
    ours, theirs = _rule(cell.reference, cell.off, "reference"), _rule(cell.port, cell.off, "port")
    told, rest = _split(cell.off, lambda p: _both_take(p, ours, theirs))
    still, left = _split(rest, lambda p: p.unmoved("port"))
    found: list[Mistake] = []
    if told and ours and theirs:
        others = set(_names(rest))
        names = tuple(name for name in cell.kinds if name not in others)
        found += _between(ours, theirs, names, told, declared=True)
    if still:
        found.append(Mistake("step-frozen", sentences.STANDS_STILL, _names(still), _names(still)))
    guessed, unexplained = _by_guess(ours, left, cell.kinds)
    return [*found, *guessed], unexplained


def _names(parameters: Iterable[Apart]) -> tuple[str, ...]:
    return tuple(p.name for p in parameters)


def _split(parameters: Iterable[Apart], holds: Callable[[Apart], bool]) -> tuple[list[Apart], list[Apart]]:
    sides: tuple[list[Apart], list[Apart]] = ([], [])
    for parameter in parameters:
        sides[not holds(parameter)].append(parameter)
    return sides


def _both_take(parameter: Apart, ours: Rule | None, theirs: Rule | None) -> bool:
    """Tell whether both sides step as their settings say."""
    if ours is None or theirs is None:
        return False
    return parameter.taken_by(ours, "reference") and parameter.taken_by(theirs, "port")


def _rule(group: Group | None, parameters: Sequence[Apart], side: Side) -> Rule | None:
    """Return the reading of a group's settings that takes the steps of most parameters."""
    rules = [] if group is None else declared(group.settings, group.name)
    return max(rules, key=lambda rule: sum(p.taken_by(rule, side) for p in parameters), default=None)


def _by_guess(
    ours: Rule | None, parameters: list[Apart], kinds: Mapping[str, str]
) -> tuple[list[Mistake], list[Apart]]:
    """Explain steps that are not as the settings say by the rule nearest to the reference's, for all or kind by kind."""
    found: list[Mistake] = []
    unexplained: list[Apart] = []
    for alike in [parameters] if _guess(ours, parameters) else _by_kind(parameters, kinds):
        guess = _guess(ours, alike)
        if ours is None or guess is None:
            unexplained += alike
        else:
            found += _between(ours, guess, _names(alike), alike, declared=False)
    return found, unexplained


def _by_kind(parameters: Iterable[Apart], kinds: Mapping[str, str]) -> list[list[Apart]]:
    groups: dict[str, list[Apart]] = {}
    for parameter in parameters:
        groups.setdefault(kinds[parameter.name], []).append(parameter)
    return list(groups.values())


def _guess(ours: Rule | None, parameters: Sequence[Apart]) -> Rule | None:
    """Return the rule nearest to the reference's that takes all steps of the port, none where none does."""
    if not parameters or not isinstance(ours, Sgd) or not all(p.taken_by(ours, "reference") for p in parameters):
        return None
    found = fit(parameters, "port")
    rules = [] if found is None else guesses(ours, found)
    return next((rule for rule in rules if all(p.taken_by(rule, "port") for p in parameters)), None)


def _between(
    ours: Rule, theirs: Rule, names: tuple[str, ...], told: Sequence[Apart], *, declared: bool
) -> Iterator[Mistake]:
    """Yield the fields in which two rules differ and whose exchange the numbers of ``told`` show."""
    if type(ours) is not type(theirs):
        words = sentences.another_rule(type(theirs).__name__, type(ours).__name__)
        yield Mistake("step-optimizer", words, names, _names(told))
        return
    for name in differing(ours, theirs):
        if name == "first" and isinstance(ours, Sgd) and not ours.dampening:
            continue  # what the reference does not dampen, it dampens at no step
        shown = _names(p for p in told if _tells(p, name, ours, theirs))
        if shown:
            words = _difference(name, getattr(theirs, name), getattr(ours, name), declared=declared)
            yield Mistake(CHECKS[name], words, names, shown, name)


def _tells(parameter: Apart, name: str, ours: Rule, theirs: Rule) -> bool:
    """Tell whether a parameter's numbers show that one field of two rules differs."""
    return parameter.tells(ours, with_field(ours, name, theirs)) or parameter.tells(
        theirs, with_field(theirs, name, ours)
    )


def _difference(name: str, port: float, reference: float, *, declared: bool) -> str:
    """Return a difference between two rules in words; ``declared`` where the settings say so too."""
    if name in sentences.CHOICES:
        return sentences.choice(name, port=bool(port))
    words = sentences.setting(name, port, reference)
    return words if declared else sentences.undeclared(words)
