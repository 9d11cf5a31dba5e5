"""The statements of a source in C++, as far as it takes to say which variable one assigns. No parser: it looks at brackets."""

from __future__ import annotations

import functools
import re
from typing import List, NamedTuple, Sequence, Tuple

from .cpp_statement import GUARD, NO_CODE, NOWHERE, OTHER, Statement, statement

PARAMETER = re.compile(r"([A-Za-z_]\w*)\s*(?:=[^,]*)?$")
LOOP = re.compile(r"^for\s*\(\s*(?:const\s+)?[\w:<>]+[\s&*]+([A-Za-z_]\w*)\s*:")
LAMBDA = re.compile(
    r"(?:([\w.>-]+)\s*=\s*)?\[[^\[\]]*\]\s*(\([^()]*(\([^()]*\)[^()]*)*\))?\s*(mutable|noexcept)?\s*(->[^{};]*)?$"
)
HEADER = re.compile(
    r"(^\s*(case\b[^;{}]*|default\s*|[A-Za-z_]\w*\s*):|\)|\belse|\bdo|\btry|\bconst|\boverride|\bfinal|\bnoexcept|->\s*[\w:<>, ]+)\s*$"
)
FUNCTION = re.compile(
    r"\)\s*((const|noexcept(\([^()]*\))?|override|final|mutable|&{1,2})\s*)*(->[^{};]*)?$|\)\s*:\s*[\w:]+\s*[({].*$"
)
NAMED = re.compile(r"\b(namespace|struct|class|union|enum|extern)\b[^=()]*$")
UNKNOWN = -1


@functools.lru_cache(maxsize=None)
def text_of(path: str) -> str:
    """Return a source, nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


@functools.lru_cache(maxsize=None)
def statements(text: str) -> Sequence[Statement]:
    """Return the statements of a source, heads of blocks included, in the order in which they end."""
    return _Splitter(without_comments(text)).run()


def statement_at(text: str, line: int) -> Statement | None:
    """Return the statement that a line of code belongs to: the one that begins last."""
    found = [one for one in statements(text) if one.first <= line <= one.last]
    return max(reversed(found), key=lambda one: (one.first, one.body, one.kind != NOWHERE), default=None)


def last_written(text: str, statement: Statement, name: str) -> Statement | None:
    """Return the statement of the same function that wrote a variable last, before another one reads it."""
    own = [one for one in statements(text) if one.body == statement.body and one.kind != "return"]
    before = [one for one in own if one.first <= statement.first and one is not statement]
    return next((one for one in reversed(before) if name in (*one.names, *one.beside)), None)


def return_after(text: str, statement: Statement) -> Statement | None:
    """Return the statement that returns from a function, of which another one is over."""
    later = [one for one in statements(text) if one.first > statement.last and one.body == statement.body]
    return next((one for one in later if one.kind == "return"), None)


def without_comments(text: str) -> str:
    """Return code alone: without comments, words, and what the preprocessor reads, on the same lines."""
    return NO_CODE.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    """Return as many lines of nothing; in quotes a single word, such as a key, stays what it is."""
    text = found.group()
    if re.fullmatch(r'"\w+"', text):
        return text
    return '""' if text.startswith(('"', "R")) else "0" if text.startswith("'") else "\n" * text.count("\n")


class _Open(NamedTuple):
    """An open brace: whether it begins a block, and of a lambda where the statement around began, and its name."""

    block: bool
    start: int
    first: int
    depth: int
    name: str
    declares: Tuple[str, ...] = ()
    function: bool = False
    at: int = 0


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

    def _end(self, at: int, *, head: bool = False) -> None:
        text = self._code[self._start : at].strip()
        if text and self._first:
            within = next((one.name for one in reversed(self._opened) if one.name), "")
            one = statement(self._first, self._line, text, within, self._declared(), self._body())
            self.found.append(one._replace(kind="none", names=(), parts=(), beside=()) if head else one)

    def _open(self, at: int) -> None:
        before = self._code[self._start : at]
        lambda_ = LAMBDA.search(before)
        block = bool(lambda_ or not before.strip() or HEADER.search(before) or NAMED.search(before.strip()))
        if lambda_ is not None:
            name = re.split(r"\.|->", lambda_[1] or "lambda")[-1]
            declares = parameters(lambda_[2] or "")
            self._opened.append(
                _Open(True, self._start, self._first, self._depth, name, declares, function=True, at=at)
            )
        else:
            if block:
                self._end(at, head=True)
            head = " ".join(before.split())
            loop, function = (
                LOOP.match(head),
                block and not GUARD.match(head) and FUNCTION.search(head) is not None,
            )
            declares = (loop[1],) if loop else parameters(_last_list(head)) if function else ()
            self._opened.append(_Open(block, UNKNOWN, 0, self._depth, "", declares, function, at))
        if block:
            self._begin(at + 1)
            self._depth = 0

    def _declared(self) -> Tuple[str, ...]:
        """Return the parameters of the function that runs here, and the variables of its loops."""
        found: Tuple[str, ...] = ()
        for one in reversed(self._opened):
            found = one.declares + found
            if one.function:
                break
        return found

    def _body(self) -> int:
        """Return where the body of the function begins that runs here."""
        return next((one.at for one in reversed(self._opened) if one.function), UNKNOWN)

    def _close(self, at: int) -> None:
        over = self._opened.pop()
        if not over.block:
            return
        if over.function:
            within = over.name or next((one.name for one in reversed(self._opened) if one.name), "")
            nowhere = Statement(self._line, self._line, "", within, NOWHERE, (), over.declares, body=over.at)
            self.found.append(nowhere)
        self._begin(at)
        self._depth = over.depth
        if over.start != UNKNOWN:  # a lambda's: the statement that it stands in goes on
            self._start, self._first = over.start, over.first


def _last_list(head: str) -> str:
    """Return the list of parameters that ends a function's head, with its brackets; of a constructor's the first one."""
    depth, begin = 0, 0
    for at, char in enumerate(head):
        begin = at if char == "(" and depth == 0 else begin
        depth += (char == "(") - (char == ")")
        if char == ")" and depth == 0 and not head[:begin].endswith("operator"):
            return head[begin : at + 1]
    return ""


def parameters(listed: str) -> Tuple[str, ...]:
    """Return the names in a list of parameters: ``(const Tensor& x, float eps = 1e-5)``; of one that is no tensor with a ``=``."""
    text = listed.strip()[1:-1]
    holds = re.compile(r"\w+\s*<[^<>]*>")
    while holds.search(text):
        text = holds.sub("several", text)
    found = []
    for part in text.split(","):
        name = PARAMETER.search(part.strip())
        if name and len(part.split()) > 1:
            found.append(name[1] if re.search(r"\b(Tensor|auto|T)\b", part) else OTHER + name[1])
    return tuple(found)
