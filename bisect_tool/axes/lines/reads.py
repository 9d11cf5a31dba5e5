"""What a line of the port reads that nothing clears: variables without a counterpart that agrees."""

from __future__ import annotations

import ast
import contextlib
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.probes.handed import Variable

MOST = 24  # what is listed for one line


def unclear_before(
    culprit: Variable,
    assigned: Sequence[Variable],
    excerpts: Mapping[str, Excerpt],
    is_clear: Callable[[Variable], bool],
) -> list[Variable]:
    """Return what a line reads, and what that was computed from, as far back as nothing clears it, in order.

    ``assigned`` is all that the port assigned, in order; ``is_clear`` tells whether a variable agrees with its
    counterpart. A line reads the variables of its function whose names stand in it, whenever they were assigned since the
    function returned before, and what the functions return that it calls.
    """
    order = {variable.site: number for number, variable in enumerate(assigned)}
    found: dict[tuple[str, str], Variable] = {}
    waiting = [culprit]
    while waiting and len(found) < MOST:
        variable = waiting.pop()
        for other in _read_by(variable, order[variable.site], assigned, excerpts):
            if not is_clear(other) and (other.place, other.name) not in found:
                found[other.place, other.name] = other
                waiting.append(other)
    return sorted(found.values(), key=lambda v: order[v.site])


def _read_by(
    variable: Variable, now: int, assigned: Sequence[Variable], excerpts: Mapping[str, Excerpt]
) -> Iterator[Variable]:
    """Yield what the line of a variable reads; ``now`` is the variable's place among all that is ``assigned``."""
    function = _caller(variable, assigned) if variable.passed else variable.function
    names = _names(_text(variable, excerpts))
    # What ran since the function's last assignment was called by this statement, or by a condition before it.
    since = max((n for n in range(now) if assigned[n].function == function), default=-1)
    returned = (n for n in range(now) if assigned[n].function == function and assigned[n].name == "return")
    entered = max(returned, default=-1)
    for number, other in enumerate(assigned[:now]):
        called = number > since and other.name == "return" and other.function != variable.function
        if called or (number > entered and other.function == function and other.name in names):
            yield other


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


def _names(text: str) -> set[str]:
    """Return the names that a statement reads, attributes as ``self.x``; every word where it is no Python by itself."""
    text = textwrap.dedent(text)
    for source in (text, f"{text}\n    pass"):  # the head of a block lacks its body
        with contextlib.suppress(SyntaxError):
            parsed = ast.parse(source).body
            break
    else:
        return set(re.findall(r"\w+", re.sub(r"^[\w\s.,*()]+ = ", "", text)))  # what is assigned is not read
    parts: list[ast.AST] = list(parsed)
    if parsed and isinstance(parsed[0], ast.Assign):
        places = [
            node.slice for target in parsed[0].targets for node in ast.walk(target) if isinstance(node, ast.Subscript)
        ]
        parts = [parsed[0].value, *places]
    nodes = [node for part in parts for node in ast.walk(part)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}


def _open_brackets(line: str) -> int:
    return sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
