"""Single mistakes in the text of a port's functions: an operator, a constant, an argument, a statement.

`source_mutants` lists every one that the files of a port offer, as data that mutant_build.py puts into the text.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

OTHER_OPERATOR = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*"}
SIGN = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
OTHER_COMPARISON = {ast.Gt: "<=", ast.Lt: ">=", ast.GtE: "<", ast.LtE: ">", ast.Eq: "!="}
COMPARISON = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "=="}
OTHER_NAME = {"maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max"}
AXES = {"dim", "axis", "dims"}
REDUCTIONS = {"sum", "max", "min", "mean", "argmax", "flatten", "unsqueeze", "chunk"}
SHAPES = {"reshape", "permute", "chunk", "split", "flatten", "scatter"}
# What only builds, names or lays out: mistakes there are those of the modules, or of the recipe.
LEFT_ALONE = {"__init__", "build"}
BUILDING = {"init_head", "class_bias"}


@dataclass(frozen=True)
class Place:
    """A function of a port: its file, its name with its class, the classes of modules whose own code it is, and who calls it."""

    file: str
    name: str
    classes: tuple[str, ...]
    callers: tuple[str, ...]


def source_mutants(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield every mutant of the files' functions: kind, words, edits, and the truth about where each lies."""
    trees = {path: ast.parse(path.read_text()) for path in files}
    calls = _calls(trees.values())
    callers = {name: _callers(name, calls) for name in calls}
    forwards = _forwards(trees.values())
    for path, tree in trees.items():
        text = path.read_text()
        starts = _line_starts(text)
        for name, function in _functions(tree):
            if name.rpartition(".")[2] in LEFT_ALONE:
                continue
            owners = {forwards[f] for f in (name, *callers[name]) if f in forwards}
            place = Place(path.name, name, tuple(sorted(owners)), callers[name])
            for kind, node, new in _mistakes(function, text, starts):
                statement = _statement(function, node)
                # What is left of a variable that is no longer assigned anew is what was assigned before.
                before = _assigned_before(function, statement) if kind == "statement dropped" else []
                yield _mutant(place, [statement, *before], kind, _span(node, starts), new, text)


def _mutant(
    place: Place, statements: list[ast.stmt], kind: str, span: tuple[int, int], new: str, text: str
) -> dict[str, Any]:
    start, end = span
    initial = place.name in BUILDING
    return {
        "kind": f"initial {kind}" if initial else kind,
        "what": f"{place.file}:{text.count(chr(10), 0, start) + 1} {place.name}: {text[start:end]!r} becomes {new!r}",
        "edits": [{"file": place.file, "start": start, "end": end, "new": new}],
        "truth": {
            "function": place.name,
            "classes": list(place.classes),
            "callers": list(place.callers),
            "places": [[place.file, s.lineno, s.end_lineno] for s in statements],
        },
    }


def _mistakes(function: ast.FunctionDef, text: str, starts: list[int]) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield (kind, node, what stands in its place) for one function."""

    def said(node: ast.AST) -> str:
        start, end = _span(node, starts)
        return text[start:end]

    bound: set[str] = {a.arg for a in function.args.args + function.args.kwonlyargs}
    for statement in _statements(function):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name in bound:
                yield "statement dropped", statement, "pass"
            bound.add(name)
        for node in _expressions(statement):
            yield from _in_expression(node, said)


def _in_expression(node: ast.AST, said: Any) -> Iterator[tuple[str, ast.AST, str]]:
    if isinstance(node, ast.BinOp) and type(node.op) in OTHER_OPERATOR:
        yield (
            "operator",
            node,
            _between(node, node.left, node.right, SIGN[type(node.op)], OTHER_OPERATOR[type(node.op)], said),
        )
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER_COMPARISON and len(node.ops) == 1:
        old, new = COMPARISON[type(node.ops[0])], OTHER_COMPARISON[type(node.ops[0])]
        yield "mask negated", node, _between(node, node.left, node.comparators[0], old, new, said)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "operator", node, said(node.operand)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "constant", node, str(not node.value)
        elif isinstance(node.value, float):
            yield "constant", node, repr(node.value * 2)
        elif isinstance(node.value, int):
            yield "constant", node, repr(node.value + 1)
    elif isinstance(node, ast.Subscript):
        yield from _in_subscript(node, said)
    elif isinstance(node, ast.Call):
        yield from _in_call(node, said)


def _in_subscript(node: ast.Subscript, said: Any) -> Iterator[tuple[str, ast.AST, str]]:
    last = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
    if isinstance(last, ast.Slice) and (last.lower is None) != (last.upper is None):
        lower, upper = (said(part) if part else "" for part in (last.lower, last.upper))
        start = said(node.slice)[: len(said(node.slice)) - len(said(last))]
        yield "index", node, f"{said(node.value)}[{start}{upper}:{lower}]"


def _in_call(node: ast.Call, said: Any) -> Iterator[tuple[str, ast.AST, str]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for axis in [k.value for k in node.keywords if k.arg in AXES] + (node.args[:1] if name in REDUCTIONS else []):
        if isinstance(axis, ast.UnaryOp) and isinstance(axis.operand, ast.Constant):
            yield "axis", axis, "0"
    if len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args) and name not in SHAPES:
        first, second = node.args[:2]
        if said(first) != said(second):
            func, rest = said(node.func), [said(a) for a in node.args[2:]]
            words = [said(second), said(first), *rest, *(f"{k.arg}={said(k.value)}" for k in node.keywords if k.arg)]
            yield "argument order", node, f"{func}({', '.join(words)})"
    if isinstance(node.func, ast.Attribute):
        if name in OTHER_NAME:
            new = said(node)[len(said(node.func)) :]
            yield "operator", node, f"{_receiver(node, said)}.{OTHER_NAME[name]}{new}"
        if name not in ("float32", "shape", "astype") and not _is_library(node.func.value):
            kind = "gradient" if name == "detach" else "call dropped"
            yield kind, node, _receiver(node, said)
    for argument in node.args:
        if isinstance(argument, ast.Name) and _is_module_call(node.func):
            yield "gradient", argument, f"{argument.id}.detach()"


def _receiver(node: ast.Call, said: Any) -> str:
    """Return what a method is called of, with the parentheses around it, which belong to no node."""
    return said(node.func)[: -len(cast("ast.Attribute", node.func).attr)].rstrip().removesuffix(".")


def _between(node: ast.AST, left: ast.AST, right: ast.AST, old: str, new: str, said: Any) -> str:
    """Return an expression with another operator; the parentheses around its sides, which belong to no node, stay."""
    text, first, last = said(node), said(left), said(right)
    before = text.index(first) + len(first)
    after = text.rindex(last)
    return text[:before] + text[before:after].replace(old, new, 1) + text[after:]


def _is_library(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("jt", "nn", "np", "math", "init", "self")


def _is_module_call(func: ast.AST) -> bool:
    """Tell whether ``self.layer(...)`` is called, whose arguments carry a gradient."""
    return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self"


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{f.name}", f) for f in node.body if isinstance(f, ast.FunctionDef))


def _calls(trees: Iterable[ast.Module]) -> dict[str, set[str]]:
    """Return for each function the names that it reads."""
    return {
        name: {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        for tree in trees
        for name, function in _functions(tree)
    }


def _callers(name: str, calls: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the functions that reach one, directly or through others."""
    found: list[str] = []
    wanted = {name}
    while wanted:
        wanted = {f for f, used in calls.items() if used & wanted} - set(found)
        found += sorted(wanted)
    return tuple(found)


def _forwards(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Return the forward methods of modules, and whose they are."""
    found = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and any("nn." in ast.unparse(base) for base in node.bases):
                found[f"{node.name}.execute"] = node.name
    return found


def _assigned_before(function: ast.AST, statement: ast.Assign) -> list[ast.stmt]:
    """Return the last assignment of the same variable before one, where there is any."""
    found = [
        other
        for other in _statements(function)
        if isinstance(other, ast.Assign)
        and other.lineno < statement.lineno
        and ast.unparse(other.targets[0]) == ast.unparse(statement.targets[0])
    ]
    return found[-1:]


def _statements(function: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function and not _is_docstring(node):
            yield node


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the expressions of one statement, without those of the statements in it."""
    inside = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)]
    while inside:
        node = inside.pop()
        yield node
        inside += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _statement(function: ast.AST, node: Any) -> ast.stmt:
    """Return the innermost statement that a node lies in."""
    around = [s for s in _statements(function) if s.lineno <= node.lineno and (s.end_lineno or 0) >= node.end_lineno]
    return max(around, key=lambda s: (s.lineno, -(s.end_lineno or 0)))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node: Any, starts: list[int]) -> tuple[int, int]:
    """Return where a node's text starts and ends; the files are ASCII, so that columns are characters."""
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
