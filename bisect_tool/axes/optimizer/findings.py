"""How the port's optimizer steps otherwise than the reference's, told by the parameters after the step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.axes.optimizer.cells import Group, cells_of
from bisect_tool.axes.optimizer.mistakes import Mistake, mistakes_in
from bisect_tool.axes.optimizer.stepped import Apart, Stepped
from bisect_tool.finding import Finding
from bisect_tool.sentences import optimizer as sentences


@dataclass(frozen=True)
class StepFinding(Finding):
    """A mistake of an optimizer; ``setting`` is the field of the update rule that differs, if it is one."""

    setting: str = ""


def step_findings(reference: Sequence[Group], port: Sequence[Group], pairs: Iterable[Stepped]) -> list[StepFinding]:
    """List the mistakes that the parameters after the step show, one finding for each with all that have it.

    What the numbers do not show is not listed, whatever the settings say; where the numbers are neither the settings'
    nor a known mistake's, one finding says by how much they are off.
    """
    cells = cells_of(reference, port, pairs)
    kinds = {name: kind for cell in cells for name, kind in cell.kinds.items()}
    alike: dict[tuple[str, str], list[Mistake]] = {}
    unexplained: list[Apart] = []
    for cell in cells:
        mistakes, left = mistakes_in(cell) if cell.off else ([], [])
        unexplained += left
        for mistake in mistakes:
            alike.setdefault((mistake.check, mistake.words), []).append(mistake)
    findings = [_finding(mistakes, kinds) for mistakes in alike.values()]
    return [*findings, _without_a_cause(unexplained, kinds)] if unexplained else findings


def _finding(mistakes: Sequence[Mistake], kinds: Mapping[str, str]) -> StepFinding:
    """Return one finding for a mistake that is made in some cells."""
    first = mistakes[0]
    names = tuple(name for mistake in mistakes for name in mistake.names)
    shown = sum(len(mistake.shown) for mistake in mistakes)
    some = None if shown == len(names) else shown
    said = sentences.said_of(first.words, sentences.which(names, kinds), len(names), shown=some)
    return StepFinding(first.check, names, said, first.setting)


def _without_a_cause(parameters: Sequence[Apart], kinds: Mapping[str, str]) -> StepFinding:
    names = tuple(parameter.name for parameter in parameters)
    first, second = (max(_finite(p.off[step]) for p in parameters) for step in (0, 1))
    words = sentences.NOT_FINITE if second == math.inf else sentences.off_by(first, second)
    return StepFinding("step", names, sentences.said_of(words, sentences.which(names, kinds), len(names)))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.inf
