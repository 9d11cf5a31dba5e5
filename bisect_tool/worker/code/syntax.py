"""Syntax trees: the names that statements bind, and what hangs on a name."""

from __future__ import annotations

import ast
import itertools
from typing import Any, Union

VALUES = (
    ast.Attribute,
    ast.BinOp,
    ast.BoolOp,
    ast.Call,
    ast.Compare,
    ast.IfExp,
    ast.Name,
    ast.Subscript,
    ast.UnaryOp,
)  # fmt: skip  expressions whose value may be compared
IN_PLACE = {"append", "assign", "extend", "fill", "insert", "itemset", "pop", "put", "setdefault", "sort", "update"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]


def parsed(text: str, at: ast.AST) -> Any:
    """Return the statement of a text, at the lines of another node."""
    statement = ast.parse(text).body[0]
    for node in ast.walk(statement):
        ast.copy_location(node, at)
    return statement


def span(node: Any) -> str | None:
    """Return where an expression stands, ``line:column-line:column`` as ``ast`` counts; None where Python does not know, before 3.8."""
    last = getattr(node, "end_lineno", None)
    return None if last is None else "%d:%d-%d:%d" % (node.lineno, node.col_offset, last, node.end_col_offset)


def own_lines(statement: Any) -> range:
    """Return the lines of a statement, without those of the statements in it."""
    inside = [
        inner.lineno
        for field in ("body", "handlers", "cases")
        for inner in getattr(statement, field, [])[:1]
        if hasattr(inner, "lineno")
    ]
    last = getattr(statement, "end_lineno", None) or statement.lineno
    return range(statement.lineno, max(statement.lineno + 1, min([last + 1, *inside])))


def rooted(node: ast.AST) -> tuple[str | None, list[str], bool]:
    """Return (x, [a, b], whether anything follows) of ``x.a.b[0].method().c``; x is None if it starts otherwise."""
    chain: list[str] = []  # the empty word where something is called or read by index
    while not isinstance(node, ast.Name):
        chain.append(node.attr if isinstance(node, ast.Attribute) else "")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func
        elif not isinstance(node, (ast.Attribute, ast.Subscript)):
            return None, [], False
        node = node.value
    chain.reverse()
    path = list(itertools.takewhile(bool, chain))
    return node.id, path, len(path) < len(chain)


def bound(function: Function) -> set[str]:
    """Return the names that a function's own statements bind or declare, the iterators of comprehensions excepted.

    A name too few is only not replaced, a name too many would become local: nested scopes are not looked into.
    """
    names = {each.arg for each in parameters(function.args)}
    waiting: list[Any] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS + (ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif type(node).__name__ == "match_case":
            names.update(captured(node.pattern))
        inner = [node.iter] + node.ifs if isinstance(node, ast.comprehension) else ast.iter_child_nodes(node)
        waiting.extend(inner)
    return names


def captured(pattern: ast.AST) -> list[str]:
    """Return the names that a pattern captures, each once; known by fields, for Python before 3.10 has no patterns."""
    names: dict[str, bool] = {}
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if name:
            names[name] = True
    return list(names)


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters in the order in which they are written."""
    extra = [each for each in (arguments.vararg,) if each] + arguments.kwonlyargs
    return arguments.posonlyargs + arguments.args + extra + [each for each in (arguments.kwarg,) if each]


def is_autograd(node: ast.ClassDef) -> bool:
    """Tell by its base whether a class is a function with a backward pass of its own: torch's and Jittor's are called so."""
    names = [getattr(base, "attr", None) or getattr(base, "id", "") for base in node.bases]
    return "Function" in names


def is_in_place(method: str) -> bool:
    """Tell by its name whether a method works in place."""
    return method in IN_PLACE or (method.endswith("_") and not method.endswith("__"))


def mangled(attribute: str, class_name: str | None) -> str:
    """Return an attribute's name as Python has it inside a class."""
    if class_name is None or not attribute.startswith("__") or attribute.endswith("__"):
        return attribute
    stripped = class_name.lstrip("_")
    return "_%s%s" % (stripped, attribute) if stripped else attribute
