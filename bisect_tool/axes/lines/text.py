"""What the text of a statement of the port reads, as a whole or for some parts of its value."""

from __future__ import annotations

import ast
import contextlib
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.captures.manifest import Excerpt

CPP = re.compile(r"\.(h|hh|hpp|hxx|cc|cpp|cxx):\d+$")  # a place in C++
WHOLE = ("",)  # the path of a value as a whole


@dataclass(frozen=True)
class Reads:
    """The names that a statement reads (attributes as ``self.x``), and the functions that only its other parts call.

    ``calls``: whether what is read may be what some function returns.
    """

    names: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    calls: bool = True


LEFT_OUT = Reads(calls=False)  # of a parameter that is left to its default


def reads(place: str, name: str, excerpts: Mapping[str, Excerpt], paths: Collection[str] = WHOLE) -> Reads:
    """Return what the statement at a place reads to make some parts (``paths``) of the variable ``name``.

    Where the value is written out as a tuple, list or dict, a part is made by its own element, and by no other.
    """
    text, parsed = _parsed(place, excerpts)
    if parsed is None:
        value = re.sub(r"^[\w\s.,*()]+ = ", "", text)  # what is assigned is not read
        return Reads(frozenset(re.findall(r"\w+", value)))
    if not parsed:
        return Reads()
    every = list(_read(parsed))
    parts = list(_making(parsed[0], name, paths)) or every
    return Reads(_names(parts), frozenset(_called(every) - _called(parts)))


def argument(
    place: str, function: str, parameters: Sequence[str], name: str, excerpts: Mapping[str, Excerpt]
) -> Reads | None:
    """Return what a statement reads to hand a function one of its ``parameters``; None where that cannot be told.

    Nothing for one that it leaves to its default.
    """
    handed = _arguments(place, function, parameters, excerpts)
    if handed is None:
        return None
    given = handed.get(name)
    if given is None:
        return LEFT_OUT
    own, every = _called([given]), _called(_parsed(place, excerpts)[1] or ())
    return Reads(_names([given]), frozenset(every - own), calls=bool(own))


def _arguments(
    place: str, function: str, parameters: Sequence[str], excerpts: Mapping[str, Excerpt]
) -> dict[str | None, ast.expr] | None:
    """Return what a statement hands a function that it calls once, by parameter; None where that cannot be told."""
    _, parsed = _parsed(place, excerpts)
    called = function.rpartition(".")[2]
    calls = [
        node
        for node in _within(parsed or ())
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == called
    ]
    if len(calls) != 1 or any(isinstance(one, ast.Starred) for one in calls[0].args):
        return None
    keywords = {keyword.arg: keyword.value for keyword in calls[0].keywords}
    if None in keywords:  # ``**more``
        return None
    return {**dict(zip(parameters, calls[0].args, strict=False)), **keywords}


def made_at(place: str, name: str, excerpts: Mapping[str, Excerpt], paths: Collection[str]) -> str:
    """Return the first line of what makes some parts of a variable: of a statement over several lines not always its first.

    The statement's own where that makes all of its value.
    """
    _, parsed = _parsed(place, excerpts)
    if not parsed or not isinstance(parsed[0], (ast.Assign, ast.Return)):
        return place
    parts = [
        node.lineno
        for node in _making(parsed[0], name, paths)
        if isinstance(node, ast.expr) and node is not parsed[0].value
    ]
    return _below(place, min(parts, default=1))


def handed_at(place: str, function: str, parameters: Sequence[str], name: str, excerpts: Mapping[str, Excerpt]) -> str:
    """Return the line of a call on which it hands a function one of its ``parameters``; its first where that cannot be told."""
    given = (_arguments(place, function, parameters, excerpts) or {}).get(name)
    return place if given is None else _below(place, given.lineno)


def handed_as(
    place: str, function: str, parameters: Sequence[str], name: str, excerpts: Mapping[str, Excerpt]
) -> str | None:
    """Return which variable a statement hands a function as one of its ``parameters``, as it is."""
    given = (_arguments(place, function, parameters, excerpts) or {}).get(name)
    return given.id if isinstance(given, ast.Name) else None


def _below(place: str, line: int) -> str:
    """Return a line of the statement at a place, whose own is the first."""
    file, _, first = place.rpartition(":")
    return f"{file}:{int(first) + line - 1}"


def excerpt_at(place: str, statement: str, excerpts: Mapping[str, Excerpt]) -> Excerpt | None:
    """Return the lines around a line of a statement, whose own are known."""
    known = excerpts.get(statement)
    line = int(place.rpartition(":")[2])
    return excerpts.get(place) or (known and known.model_copy(update={"line": line}))


def passed_on(
    place: str, name: str, excerpts: Mapping[str, Excerpt], paths: Collection[str] = WHOLE
) -> dict[str, bool]:
    """Return the names that a statement makes some parts of a variable of by nothing but a product or a quotient.

    Each with whether it is all of a part, as it is. A name that stands in a part more than once may undo itself.
    """
    _, parsed = _parsed(place, excerpts)
    parts = list(_making(parsed[0], name, paths)) if parsed else []
    found: dict[str, bool] = {}
    for part in parts:
        named = [node.id for node in _within([part]) if isinstance(node, ast.Name)]
        factors = [node.id for node in _factors(part) if isinstance(node, ast.Name) and named.count(node.id) == 1]
        found |= dict.fromkeys(factors, isinstance(part, ast.Name))
    return found


def _factors(value: ast.AST) -> Iterator[ast.AST]:
    """Yield what a value is the product or the quotient of; the value itself where it is none."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Mult, ast.Div)):
        yield from _factors(value.left)
        yield from _factors(value.right)
    else:
        yield value


def only_called(place: str, name: str, excerpts: Mapping[str, Excerpt]) -> str | None:
    """Return the function or method that a statement calls to make all of a variable, which it changes in nothing."""
    _, parsed = _parsed(place, excerpts)
    match parsed:
        case [ast.Assign(targets=[ast.Name(id=target)], value=ast.Call(func=ast.Name() | ast.Attribute() as function))]:
            return ast.unparse(function).rpartition(".")[2] if target == name else None
    return None


def _parsed(place: str, excerpts: Mapping[str, Excerpt]) -> tuple[str, list[ast.stmt] | None]:
    """Return a statement's text, and what Python makes of it: None where it is no statement by itself."""
    text = textwrap.dedent(_text(place, excerpts))
    if CPP.search(place):
        text = _as_python(text)
    for source in (text, f"{text}\n    pass"):  # the head of a block lacks its body
        with contextlib.suppress(SyntaxError):
            return text, ast.parse(source).body
    return text, None


def _as_python(text: str) -> str:
    """Return a statement of C++ as Python would write it, as far as both write it alike: ``auto [a, b] = f(x);`` is ``a, b = f(x)``."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    code = re.sub(r"^\s*(?:const\s+)?auto\s*&{0,2}\s*\[([^\]]*)\]\s*=", r"\1 =", code)
    code = re.sub(r"^\s*std::tie\(([^)]*)\)\s*=", r"\1 =", code)
    code = re.sub(r"^\s*(?:const\s+)?[A-Za-z_][\w:]*(?:<[^=;]*>)?[\s&*]+(?=[A-Za-z_]\w*\s*=[^=])", "", code)
    code = re.sub(r"(?<=\d)[fFlLuU]+\b", "", code.replace("->", ".").replace("::", "."))
    return " ".join(code.split()).rstrip("; ")


def _read(parsed: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield all that a statement reads: of what it assigns to, only the places in it."""
    if not isinstance(parsed[0], ast.Assign):
        yield from parsed
        return
    yield parsed[0].value
    for node in _within(parsed[0].targets):
        if isinstance(node, ast.Subscript):
            yield node.slice


def _making(statement: ast.stmt, name: str, paths: Collection[str]) -> Iterator[ast.AST]:
    """Yield the expressions that alone make some parts of a variable; none where that cannot be told."""
    if isinstance(statement, ast.Return) and statement.value is not None and name == "return":
        yield from _elements(statement.value, paths)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name) and target.id == name:
        yield from _elements(value, paths)
    elif isinstance(target, ast.Tuple) and all(isinstance(one, ast.Name) for one in target.elts):
        names = [ast.unparse(one) for one in target.elts]
        elements = _named(value)
        if names.count(name) == 1 and elements is not None and len(elements) == len(names):
            yield from _elements(elements[str(names.index(name))], paths)


def _elements(value: ast.expr, paths: Collection[str]) -> Iterator[ast.AST]:
    """Yield what makes some parts of a value: its elements of these names, or all of it."""
    elements = _named(value)
    inner: dict[str, list[str]] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        inner.setdefault(head, []).append(rest)
    if elements is None or not inner.keys() <= elements.keys():
        yield value
        return
    for head, within in inner.items():
        yield from _elements(elements[head], within)


def _named(value: ast.expr) -> dict[str, ast.expr] | None:
    """Return the elements of a tuple, list or dict that is written out, by their names in a path; None of anything else."""
    if isinstance(value, (ast.Tuple, ast.List)):
        starred = any(isinstance(one, ast.Starred) for one in value.elts)
        return None if starred else {str(number): one for number, one in enumerate(value.elts)}
    if not isinstance(value, ast.Dict):
        return None
    keys = [str(key.value) if isinstance(key, ast.Constant) else "." for key in value.keys]
    return None if any("." in key for key in keys) else dict(zip(keys, value.values, strict=True))


def _names(nodes: Collection[ast.AST]) -> frozenset[str]:
    """Return the variables that some expressions read, and the attributes."""
    every = _within(nodes)
    names = {node.id for node in every if isinstance(node, ast.Name)}
    return frozenset(names | {ast.unparse(node) for node in every if isinstance(node, ast.Attribute)})


def _called(nodes: Collection[ast.AST]) -> set[str]:
    """Return the names of the functions and methods that are called somewhere in some expressions."""
    functions = [node.func for node in _within(nodes) if isinstance(node, ast.Call)]
    return {ast.unparse(function).rpartition(".")[2] for function in functions}


def _within(nodes: Collection[ast.AST]) -> list[ast.AST]:
    return [inner for node in nodes for inner in ast.walk(node)]


def _text(place: str, excerpts: Mapping[str, Excerpt]) -> str:
    """Return a statement's source: its line, and those after it that are indented further or close a bracket."""
    excerpt = excerpts.get(place)
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
