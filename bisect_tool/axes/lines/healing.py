"""Find the fewest lines that must be given the reference's values to make right what is asked about."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import Statement
from bisect_tool.search.ddmin import ddmin
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import lines as sentences

MOST_TRIED = 32  # statements that are patched alone, one after the other


def healing(probes: LineProbes) -> list[Statement]:
    """Return the statements that, patched together, make the target right, none of them for nothing.

    Where none of the first heals alone, those are asked that are wrong by themselves.
    """
    suspects = probes.suspects()
    first, later = suspects[:MOST_TRIED], suspects[MOST_TRIED:]
    found = _healing_alone(probes, suspects, first)
    if found:
        return found
    itself = wrong(probes)
    return _healing_alone(probes, suspects, [s for s in later if s in itself]) or several(probes, itself)


def _healing_alone(probes: LineProbes, suspects: Sequence[Statement], among: Sequence[Statement]) -> list[Statement]:
    """Return the first statement among some that, patched alone, makes the target right; or those before it that make it right.

    Where one line reads what two others got wrong, it alone heals too: it is not to blame, since it is right once
    those before it are.
    """
    for statement in among[:MOST_TRIED]:
        if probes.heals([statement]):
            first = _first_needed(probes, statement, suspects[suspects.index(statement) + 1 :])
            before = suspects[: suspects.index(first)]
            return _fewest(probes, before) if before and _made_by(probes, before, first) else [first]
    return []


def _first_needed(probes: LineProbes, statement: Statement, later: Sequence[Statement]) -> Statement:
    """Return which of the statements of a loop is the first that must be patched, given one that heals.

    In a loop a statement may be off where it does no harm (ties that are broken otherwise), before another one is
    where it does.
    """
    needed = _needed_from(probes, statement)
    rivals = [s for s in later if probes.place(probes.first_off(s)) < needed and probes.heals([s])]
    return min([statement, *rivals], key=lambda s: _needed_from(probes, s)) if rivals else statement


def _needed_from(probes: LineProbes, statement: Statement) -> int:
    """Return the place of a statement's first assignment that cannot be left as it is."""
    sites = probes.off_sites(probes.free, statement)
    while (
        len(sites) > 1
        and probes.verdict(probes.ask(sentences.from_there_on(statement.name, sites[1]), sites[1:])) is Verdict.AGREES
    ):
        sites = sites[1:]
    return probes.place(sites[0])


def _made_by(probes: LineProbes, before: Sequence[Statement], statement: Statement) -> bool:
    reading = probes.patched(before)
    return probes.verdict(reading) is Verdict.AGREES and not probes.off(reading, statement)


def _fewest(probes: LineProbes, statements: Sequence[Statement]) -> list[Statement]:
    """Return those that must be patched to make the target right, the earlier ones where there is a choice.

    The last of the shortest run from the start that heals is needed; then the last of the shortest run before it that
    heals together with it, and so on. Names that mean something else may break the target alone and not together.
    """
    chosen: list[Statement] = []
    rest = list(statements)
    while not chosen or not probes.heals(chosen):
        number = next((n for n in range(1, len(rest) + 1) if probes.heals([*rest[:n], *chosen])), None)
        if number is None:
            return list(statements)
        chosen, rest = [rest[number - 1], *chosen], rest[: number - 1]
    return chosen


def several(probes: LineProbes, among: Sequence[Statement]) -> list[Statement]:
    """Return the fewest of these that heal together, where all else that compares is right then.

    What stays off means something else on both sides, or is in other units: then what heals may only undo that. It
    may stay off where a line of these reads it, which is said beside the line.
    """
    if not 1 < len(among) <= MOST_TRIED or not probes.heals(among):
        return []
    found = ddmin(among, lambda chosen: probes.verdict(probes.patched([s for s in among if s in chosen])))
    reading = probes.patched([s for s in among if s in found])
    read = {(v.place, v.name) for s in found for v in probes.unclear_before(s)}
    stays_off = [s for s in probes.comparable() if s not in found and probes.off(reading, s)]
    return found if all((s.theirs.place, s.theirs.name) in read for s in stays_off) else []


def wrong(probes: LineProbes) -> list[Statement]:
    """Return the statements that are off although all that they read was given the reference's value.

    What does not compare means something else on both sides: it is left as it is.
    """
    known = probes.comparable()
    sites = [site for statement in known for site in statement.sites]
    forced = probes.ask(sentences.EACH_PATCHED, sites)
    return [s for s in known if forced.failure is None and probes.off(forced, s)]
