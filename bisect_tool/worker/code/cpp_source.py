"""The statements of a source in C++, as far as it takes to say which variable one assigns. No parser: it looks at brackets."""

from __future__ import annotations

import functools
import re
from typing import Iterator, List, NamedTuple, Sequence, Tuple

# What is no code: comments, words in quotes, what the preprocessor reads.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*',
    re.S | re.M,
)
LAMBDA = re.compile(
    r"(?:([\w.>-]+)\s*=\s*)?\[[^\[\]]*\]\s*(\([^()]*(\([^()]*\)[^()]*)*\))?\s*(mutable|noexcept)?\s*(->[^{};]*)?$"
)
HEADER = re.compile(r"(\)|\belse|\bdo|\btry|\bconst|\boverride|\bfinal|\bnoexcept|->\s*[\w:<>, ]+)\s*$")
NAMED = re.compile(r"\b(namespace|struct|class|union|enum|extern)\b[^=()]*$")
NAME = r"[A-Za-z_]\w*(?:(?:\.|->)[A-Za-z_]\w*)*"
ASSIGNED = re.compile(r"^(?:[\w:<>,&*\s]+?[\s&*>])?(%s)\s*(?:[-+*/]?=)(?!=)" % NAME)
SEVERAL = re.compile(r"^(?:const\s+)?(?:auto\s*&{0,2}\s*\[([\w\s,]+)\]|std::tie\(([\w\s.,>-]+)\))\s*=(?!=)")
CHANGED = re.compile(r"^(%s)(?:\.|->)\w+_\(" % NAME)
GUARD = re.compile(r"^(?:if\s*(?:constexpr\s*)?|for\s*|while\s*)\(|^else\b|^do\b|^case\b[^:]*:|^default\s*:")


class Statement(NamedTuple):
    """A statement: its lines, its code, what a lambda that it stands in is called ("": none), and the ``names`` it assigns.

    ``kind`` is as of ``rewriting.Place``; without names, or with a kind "none", it assigns nothing that can be told.
    """

    first: int
    last: int
    code: str
    within: str
    kind: str
    names: Tuple[str, ...]


@functools.lru_cache(maxsize=None)
def statements(text: str) -> Sequence[Statement]:
    """Return the statements of a source, heads of blocks included, in the order in which they end."""
    return list(_split(NO_CODE.sub(_blank, text)))


def statement_at(text: str, line: int) -> Statement | None:
    """Return the statement that a line of code belongs to: the one that begins last."""
    found = [one for one in statements(text) if one.first <= line <= one.last]
    return max(found, key=lambda one: (one.first, one.last), default=None)


def _blank(found: re.Match[str]) -> str:
    """Return as many lines of nothing; a word in quotes stays one in quotes."""
    text = found.group()
    return '""' if text.startswith(('"', "R")) else "0" if text.startswith("'") else "\n" * text.count("\n")


def _split(code: str) -> Iterator[Statement]:
    start, line, first, depth = 0, 1, 0, 0
    # Of each open brace: is it a block; and of a block where the statement around it began, its depth, and a lambda's name.
    opened: List[Tuple[bool, int, int, int, str]] = []

    def statement(end: int) -> Iterator[Statement]:
        text = code[start:end].strip()
        if text and first:
            yield _read(first, line, text, next((name for *_, name in reversed(opened) if name), ""))

    for at, char in enumerate(code):
        if not first and not char.isspace() and char not in "{};":
            first = line
        if char == "\n":
            line += 1
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "{":
            before = code[start:at]
            is_lambda = LAMBDA.search(before)
            block = bool(is_lambda or not before.strip() or HEADER.search(before) or NAMED.search(before.strip()))
            name = "" if not is_lambda else (is_lambda[1] or "lambda").rpartition(".")[2].rpartition(">")[2]
            if block and not is_lambda:
                yield from statement(at)
            opened.append((block, start if is_lambda else -1, first, depth, name))
            if block:
                start, first, depth = at + 1, 0, 0
        elif char == "}" and opened:
            block, outer, began, deep, _ = opened.pop()
            if block:
                depth = deep
                start, first = (outer, began) if outer >= 0 else (at + 1, 0)
        elif char == ";" and depth == 0 and not (opened and not opened[-1][0]):
            yield from statement(at)
            start, first = at + 1, 0


def _read(first: int, last: int, code: str, within: str) -> Statement:
    plain = _unguarded(" ".join(code.split()))
    several = SEVERAL.match(plain)
    if plain.startswith("return"):
        return Statement(first, last, code, within, "return", ("return",))
    if several:
        names = tuple(name.strip() for name in (several[1] or several[2]).split(","))
        return Statement(first, last, code, within, "assigned", names)
    for form, kind in ((ASSIGNED, "assigned"), (CHANGED, "changed")):
        found = form.match(plain)
        if found:
            name = found[1].replace("->", ".")
            return Statement(first, last, code, within, kind, (name.replace("this.", "self."),))
    return Statement(first, last, code, within, "none", ())


def _unguarded(code: str) -> str:
    """Return a statement without what it stands under on the same line: ``if (x) y = z`` is ``y = z``."""
    while True:
        found = GUARD.match(code)
        if not found:
            return code
        end = found.end()
        if found.group().endswith("("):
            depth = 1
            while end < len(code) and depth:
                depth += {"(": 1, ")": -1}.get(code[end], 0)
                end += 1
        code = code[end:].lstrip()
