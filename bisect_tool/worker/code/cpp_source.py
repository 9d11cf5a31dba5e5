"""The statements of a source in C++, as far as it takes to say which variable one assigns. No parser: it looks at brackets."""

from __future__ import annotations

import functools
import re
from typing import List, NamedTuple, Sequence, Tuple

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
UNKNOWN = -1
LISTED = re.compile(
    r"^(return\b|.*?=)\s*(std::(make_)?(tuple|pair)\b|[\w:<>, ]*\{)"
)  # of several values: no operation gives it
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
    return _Splitter(NO_CODE.sub(_blank, text)).run()


def statement_at(text: str, line: int) -> Statement | None:
    """Return the statement that a line of code belongs to: the one that begins last."""
    found = [one for one in statements(text) if one.first <= line <= one.last]
    return max(found, key=lambda one: (one.first, one.last), default=None)


def _blank(found: re.Match[str]) -> str:
    """Return as many lines of nothing; a word in quotes stays one in quotes."""
    text = found.group()
    return '""' if text.startswith(('"', "R")) else "0" if text.startswith("'") else "\n" * text.count("\n")


class _Open(NamedTuple):
    """An open brace: whether it begins a block, and of a lambda where the statement around began, and its name."""

    block: bool
    start: int
    first: int
    depth: int
    name: str


class _Splitter:
    """Goes through code bracket by bracket; ``found`` are the statements so far."""

    def __init__(self, code: str) -> None:
        self.found: List[Statement] = []
        self._code = code
        self._start, self._first, self._line, self._depth = 0, 0, 1, 0
        self._opened: List[_Open] = []

    def run(self) -> List[Statement]:
        """Return the statements of the code."""
        for token in re.finditer(r"[\n()\[\]{};]|[^\s()\[\]{};]+", self._code):
            what = token.group()
            if not self._first and what not in "\n{};":
                self._first = self._line
            self._line += what == "\n"
            self._depth += (what in "([") - (what in ")]")
            if what == "{":
                self._open(token.start())
            elif what == "}" and self._opened:
                self._close(token.end())
            elif what == ";" and self._depth == 0 and not (self._opened and not self._opened[-1].block):
                self._end(token.start())
                self._begin(token.end())
        return self.found

    def _begin(self, at: int) -> None:
        self._start, self._first = at, 0

    def _end(self, at: int) -> None:
        text = self._code[self._start : at].strip()
        if text and self._first:
            within = next((one.name for one in reversed(self._opened) if one.name), "")
            self.found.append(_read(self._first, self._line, text, within))

    def _open(self, at: int) -> None:
        before = self._code[self._start : at]
        lambda_ = LAMBDA.search(before)
        block = bool(lambda_ or not before.strip() or HEADER.search(before) or NAMED.search(before.strip()))
        if lambda_ is not None:
            name = re.split(r"\.|->", lambda_[1] or "lambda")[-1]
            self._opened.append(_Open(True, self._start, self._first, self._depth, name))
        else:
            if block:
                self._end(at)
            self._opened.append(_Open(block, UNKNOWN, 0, self._depth, ""))
        if block:
            self._begin(at + 1)
            self._depth = 0

    def _close(self, at: int) -> None:
        over = self._opened.pop()
        if not over.block:
            return
        self._begin(at)
        self._depth = over.depth
        if over.start != UNKNOWN:  # a lambda's: the statement that it stands in goes on
            self._start, self._first = over.start, over.first


def _read(first: int, last: int, code: str, within: str) -> Statement:
    plain = _unguarded(" ".join(code.split()))
    several = SEVERAL.match(plain)
    if LISTED.match(plain):
        return Statement(first, last, code, within, "none", ())
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
