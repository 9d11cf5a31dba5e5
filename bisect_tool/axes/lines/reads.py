"""What a line of the port reads that nothing clears: variables without a counterpart that agrees."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from bisect_tool.axes.lines.text import (
    LEFT_OUT,
    WHOLE,
    Reads,
    argument,
    handed_as,
    handed_at,
    made_at,
    only_called,
    passed_on,
    reads,
)
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.probes.handed import Variable

MOST = 24  # what is listed for one line


def unclear_before(
    culprit: Variable,
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
    is_clear: Callable[[Variable], bool],
    parts_off: Callable[[Variable], Collection[str]] = lambda _variable: WHOLE,
    is_off: Callable[[Variable], bool] = lambda _variable: False,
) -> list[Variable]:
    """Return what a line reads, and what that was computed from, as far back as nothing clears it, in order.

    ``assigned`` is all that the port assigned, in order; ``is_clear`` tells whether a variable agrees with its
    counterpart, ``is_off`` whether it does not, ``parts_off`` which parts of it do not. A line reads the variables of its function whose names stand in
    it, whenever they were assigned since the function returned before, and what the functions return that it calls. Of a
    value that is written out part by part, only those that do not agree count.
    """
    order = {variable.site: number for number, variable in enumerate(assigned)}
    found: dict[tuple[str, str], Variable] = {}
    waiting = [culprit]
    while waiting and len(found) < MOST:
        variable = waiting.pop()
        for other in _read_by(variable, parts_off(variable), order[variable.site], assigned, excerpts):
            clear = is_clear(other) or (
                not is_off(other) and _is_clear_copy(order[other.site], assigned, excerpts, is_clear)
            )
            if not clear and (other.place, other.name) not in found:
                found[other.place, other.name] = other
                waiting.append(other)
    return sorted(found.values(), key=lambda v: order[v.site])


def _is_clear_copy(
    now: int, assigned: Sequence[Variable], excerpts: Mapping[str, Excerpt], is_clear: Callable[[Variable], bool]
) -> bool:
    """Tell whether a variable is nothing but what a function returned, which is clear: so is the line that calls it then.

    Or a parameter nothing but a variable that is clear.
    """
    variable, before = assigned[now], assigned[now - 1]
    if variable.passed:
        names = _parameters(variable, now, assigned)
        name = handed_as(variable.place, variable.function, names, variable.name, excerpts)
        caller = _caller(variable, now, assigned)
        own = (one for one in reversed(assigned[:now]) if (one.function, one.name) == (caller, name))
        return name is not None and any(map(is_clear, itertools.islice(own, 1)))
    if not now or before.name != "return" or before.parts != variable.parts:
        return False
    function = only_called(variable.place, variable.name, excerpts)
    return function == before.function.rpartition(".")[2] and is_clear(before)


def _read_by(
    variable: Variable,
    paths: Collection[str],
    now: int,
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
) -> Iterator[Variable]:
    """Yield what the line of a variable reads for some of its parts; ``now`` is its place among all that is ``assigned``."""
    yield from (other for other in assigned if other.site in variable.read)
    function = _caller(variable, now, assigned) if variable.passed else variable.function
    read = _reads(variable, now, paths, assigned, excerpts)
    # What ran since the function's last statement, or its caller's, was called by this one, or by a condition before it.
    begun = _begun(now, assigned)
    running = {function, *_callers(function, now, assigned)}
    since = max((n for n in range(begun) if assigned[n].function in running), default=-1)
    returned = (n for n in range(now) if assigned[n].function == function and assigned[n].name == "return")
    entered = max(returned, default=-1)
    for number, other in enumerate(assigned[:now]):
        called = read.calls and number > since and other.name == "return" and other.function != variable.function
        own = number > entered and other.function == function and other.name in read.names
        if own or (called and other.function.rpartition(".")[2] not in read.elsewhere):
            yield other


def is_passed_on(
    variable: Variable,
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
    parts_right: Callable[[Variable], Collection[str]],
) -> bool:
    """Tell whether what is right later is a variable as it is, or was divided by it or multiplied with it, a single number.

    ``parts_right`` returns which parts of a variable agree and are not all zero: a name that does not may mean something else.
    Such a number is right: were it wrong, only the line that reads it there could undo that, and who else reads it is not cleared.
    """
    now = next((number for number, one in enumerate(assigned) if one.site == variable.site), len(assigned))
    for other in (one for one in assigned[now + 1 :] if one.function == variable.function):
        if other.passed:  # another call of the function
            return False
        right = parts_right(other)
        read = passed_on(other.place, other.name, excerpts, right or WHOLE)
        if (
            variable.name in read
            and (read[variable.name] or _is_number(variable))
            and (right or is_passed_on(other, assigned, excerpts, parts_right))
        ):
            return True
        if other.name in (variable.name, "return"):
            return False
    return False


def _is_number(variable: Variable) -> bool:
    return [math.prod(shape) for _, shape, _ in variable.parts] == [1]


def stands_at(
    variable: Variable, assigned: Sequence[Variable], excerpts: Mapping[str, Excerpt], paths: Collection[str] = WHOLE
) -> str:
    """Return the line that makes some parts of a variable, which is not always the first one of its statement.

    Of a parameter it is that of what the call hands over for it, or that of its default where this is nothing.
    """
    if not variable.passed:
        return made_at(variable.place, variable.name, excerpts, paths)
    now = next((number for number, one in enumerate(assigned) if one.site == variable.site), len(assigned))
    names = _parameters(variable, now, assigned)
    if variable.declared and argument(variable.place, variable.function, names, variable.name, excerpts) == LEFT_OUT:
        return variable.declared
    return handed_at(variable.place, variable.function, names, variable.name, excerpts)


def _reads(
    variable: Variable,
    now: int,
    paths: Collection[str],
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
) -> Reads:
    """Return what makes some parts of a variable; for a parameter, what the function is handed for it."""
    if not variable.passed:
        return reads(variable.place, variable.name, excerpts, paths)
    names = _parameters(variable, now, assigned)
    handed = argument(variable.place, variable.function, names, variable.name, excerpts)
    return handed or reads(variable.place, variable.name, excerpts)


def _parameters(variable: Variable, now: int, assigned: Sequence[Variable]) -> list[str]:
    """Return the names of all parameters that are passed together with one."""

    def beside(other: Variable) -> bool:
        return (other.passed, other.function, other.place) == (True, variable.function, variable.place)

    before = list(itertools.takewhile(beside, reversed(assigned[:now])))
    passed = [*reversed(before), *itertools.takewhile(beside, assigned[now:])]
    return [one.name for one in passed]


def _begun(now: int, assigned: Sequence[Variable]) -> int:
    """Return the place of the first variable that a statement assigns: it may assign others before this one."""
    variable, names = assigned[now], {assigned[now].name}
    while now and not variable.passed and assigned[now - 1].name not in names:
        before = assigned[now - 1]
        if (before.function, before.place) != (variable.function, variable.place) or before.passed:
            break
        names.add(before.name)
        now -= 1
    return now


def _callers(function: str, now: int, assigned: Sequence[Variable]) -> Iterator[str]:
    """Yield the functions that were begun before a function was, and go on later: that is called by them.

    One that is begun anew first is passed its parameters, so that nothing is known of those that have none.
    """
    begun = {variable.function: number for number, variable in enumerate(assigned[:now]) if variable.passed}
    own = begun.get(function, next((n for n, v in enumerate(assigned) if v.function == function), 0))
    later: set[str] = set()
    for variable in assigned[now + 1 :]:
        if begun.get(variable.function, own) < own and variable.function not in later and not variable.passed:
            yield variable.function
        later.add(variable.function)


def _caller(passed: Variable, now: int, assigned: Sequence[Variable]) -> str:
    """Return the function that passes a parameter: of those whose statements stand around its line, the shortest, run last."""
    file, _, line = passed.place.rpartition(":")
    spans: dict[str, list[int]] = {}
    last: dict[str, int] = {}
    for place, variable in enumerate(assigned):
        own, _, number = variable.place.rpartition(":")
        if own == file and not variable.passed:
            spans.setdefault(variable.function, []).append(int(number))
            last[variable.function] = max(last.get(variable.function, -1), place if place < now else -1)
    around = {name: max(lines) - min(lines) for name, lines in spans.items() if min(lines) <= int(line) <= max(lines)}
    return min(around, key=lambda name: (around[name], -last[name]), default="")
