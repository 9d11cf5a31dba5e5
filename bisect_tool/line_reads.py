"""What a line of the port reads that nothing clears: variables without a counterpart that agrees."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.line_names import Variable
from bisect_tool.sites import variable_of

MOST = 24  # what is listed for one line


def unclear_before(
    culprit: Variable,
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
    is_clear: Callable[[Variable], bool],
) -> list[Variable]:
    """Return what a line reads, and what that was computed from, as far back as nothing clears it, in order.

    ``assigned`` is all that the port assigned, in order; ``is_clear`` tells whether a variable agrees with its
    counterpart. A line reads the variables of its function whose names stand in it, and what functions return whose
    names do.
    """
    order = {variable.site: number for number, variable in enumerate(assigned)}
    found: dict[str, Variable] = {}
    waiting = [culprit]
    while waiting and len(found) < MOST:
        variable = waiting.pop()
        function = _caller(variable, assigned) if variable.passed else variable.function
        words = set(re.findall(r"\w+", _text(variable, excerpts)))
        latest: dict[str, Variable] = {}
        for other in assigned[: order[variable.site]]:
            name = variable_of(other.site).partition(":")[2]
            called = name == "return" and re.split(r"[.:]", other.function)[-1] in words
            if called or (other.function == function and name in words):
                latest[variable_of(other.site)] = other
        for other in latest.values():
            if other.site not in found and not is_clear(other):
                found[other.site] = other
                waiting.append(other)
    return sorted(found.values(), key=lambda v: order[v.site])


def _caller(passed: Variable, assigned: Sequence[Variable]) -> str:
    """Return the function that passes a parameter: of those whose statements stand around its line, the shortest."""
    file, _, line = passed.place.rpartition(":")
    spans: dict[str, list[int]] = {}
    for variable in assigned:
        own, _, number = variable.place.rpartition(":")
        if own == file and not variable.passed:
            spans.setdefault(variable.function, []).append(int(number))
    around = {name: max(lines) - min(lines) for name, lines in spans.items() if min(lines) <= int(line) <= max(lines)}
    return min(around, key=lambda name: around[name], default="")


def _text(variable: Variable, excerpts: Mapping[str, Excerpt]) -> str:
    """Return a statement's source: its line, and those after it that are indented further or close a bracket."""
    excerpt = excerpts.get(variable.place)
    if excerpt is None:
        return ""
    first, *rest = excerpt.text[excerpt.line - excerpt.first :]
    lines, opened = [first], _open_brackets(first)
    for line in rest:
        if opened <= 0:
            break
        lines.append(line)
        opened += _open_brackets(line)
    return "\n".join(lines)


def _open_brackets(line: str) -> int:
    return sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
