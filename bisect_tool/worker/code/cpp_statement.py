"""A statement in C++: which variable it assigns, and which it reads."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Tuple

# What is no code: comments, words in quotes, what the preprocessor reads.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*',
    re.S | re.M,
)
NAME = r"[A-Za-z_]\w*(?:(?:\.|->)[A-Za-z_]\w*)*"
ASSIGNED = re.compile(r"^(?:[\w:<>,&*\s]+?[\s&*>])?(%s)\s*(?:[-+*/]?=)(?!=)" % NAME)
SEVERAL = re.compile(r"^(?:const\s+)?(?:auto\s*&{0,2}\s*\[([\w\s,]+)\]|std::tie\(([\w\s.,>-]+)\))\s*=(?!=)")
DECLARED = re.compile(r"^(?:const\s+)?[\w:]+(?:<.*>)?[\s&*]+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)$")
BUILT = re.compile(r"^(?:const\s+)?(?:auto|[\w:]*Tensor)\s+([A-Za-z_]\w*)\s*[({]\s*[^)}\s]")  # `Tensor y(x * 2)`
NUMBER = re.compile(r"=\s*[\w.\[\]]+(->[\w.]+)*\.item\s*(<[\w: ]+>)?\s*\(\s*\)\s*$")  # nothing but a tensor's number
HANDLED = re.compile(r"^([A-Za-z_]\w*)(?:(?:\.|->)\w+\(|\[)")  # a method of it, or a part of it
CHANGED = re.compile(r"^(%s)(?:\.|->)\w+_\(" % NAME)
NOWHERE = "nowhere"  # the kind of a function's last line: compilers see parts of other statements there
OTHER = "="  # before the name of a parameter that is no tensor
# Of several values: no operation gives it.
LISTED = re.compile(r"^(return\b|.*?=)\s*(std::(make_)?(tuple|pair)\b|[\w:<>, ]*\{)")
KEYED = re.compile(r'\{\s*"((?:\\.|[^"\\])*)"\s*,(.*)\}')  # an entry of a map in braces
GUARD = re.compile(r"^(?:if\s*(?:constexpr\s*)?|for\s*|while\s*)\(|^else\b|^do\b|^case\b[^:]*:|^default\s*:")


# A name that is read as it is: no part of another one, no call, no part of it taken but by a method.
READ = re.compile(r"(?<![\w.>:])([A-Za-z_]\w*)\b(?!\s*(?:\(|\[|::|<\w+>\())(?!(?:\.|->)\w+\b(?!\s*[(<]))")


class Statement(NamedTuple):
    """A statement: its lines, its code, what a lambda that it stands in is called ("": none), and the ``names`` it assigns.

    ``declared`` are the parameters of its function, and the variables of the loops that it stands in; ``OTHER`` stands before one
    that is no tensor. ``parts`` is what a statement returns, expression by expression, where that is one name, or a list;
    ``keys`` stand before them where that is a map's;
    ``beside`` are names that it declares or changes, and of which no operation tells the value; ``body`` is where its function's begins;
    ``guard`` how many lines a condition takes that stands before it.

    ``kind`` is as of ``rewriting.Place``; without names, or with a kind "none", it assigns nothing that can be told.
    """

    first: int
    last: int
    code: str
    within: str
    kind: str
    names: Tuple[str, ...]
    declared: Tuple[str, ...]
    parts: Tuple[str, ...] = ()
    beside: Tuple[str, ...] = ()
    body: int = 0
    guard: int = 0
    keys: Tuple[str, ...] = ()

    @property
    def shown(self) -> int:
        """Return the line that it begins on, after a condition that it stands under."""
        return self.first + self.guard

    def is_number(self) -> bool:
        """Tell whether it assigns a tensor's number, and nothing that is computed from one."""
        return NUMBER.search(" ".join(self.code.split())) is not None

    def calls_on(self, name: str, method: str) -> bool:
        """Tell whether it calls a method of a variable."""
        return re.search(r"\b%s(\.|->)%s\(" % (name, method), self.code) is not None

    def handed(self, function: str) -> List[str]:
        """Return what it hands to a function that it calls once, argument by argument."""
        called = list(re.finditer(r"\b%s\s*\(" % re.escape(function), self.code))
        if len(called) != 1:
            return []
        begin = called[0].end()
        return split_list(self.code[begin : closed(self.code, begin) - 1])

    def reads(self) -> List[str]:
        """Return the names that it reads as they are, in order: not what it calls, and no parts of something."""
        code = NO_CODE.sub(" ", self.code)
        value = re.split(r"(?<![=!<>+*/-])=(?!=)", code, maxsplit=1)[-1]
        return list(dict.fromkeys(READ.findall(value)))


class Meaning(NamedTuple):
    """What a statement does with variables; see ``Statement``."""

    kind: str = "none"
    names: Tuple[str, ...] = ()
    parts: Tuple[str, ...] = ()
    beside: Tuple[str, ...] = ()
    keys: Tuple[str, ...] = ()


def statement(first: int, last: int, code: str, within: str, declared: Tuple[str, ...], body: int) -> Statement:
    """Return a statement of some lines."""
    own = unguarded(code.strip())
    guard, plain = code.strip()[: len(code.strip()) - len(own)].count("\n"), " ".join(own.split())
    found = _returning(plain) or _declaring(plain) or _assigning(plain)
    return Statement(
        first, last, code, within, found.kind, found.names, declared, found.parts, found.beside, body, guard, found.keys
    )


def _returning(code: str) -> Meaning | None:
    if not re.match(r"return\b", code):
        return None
    parts = _listed(code)
    entries = [entry for entry in map(KEYED.fullmatch, parts) if entry]
    if entries and len(entries) == len(parts):
        keys, parts = (tuple(entry[group].strip() for entry in entries) for group in (1, 2))
        return Meaning("return", (), parts, keys=keys)
    return Meaning("return", () if parts else ("return",), parts)


def _declaring(code: str) -> Meaning | None:
    """Return what a statement means that assigns several values, or none: no operation gives them."""
    if LISTED.match(code):
        return Meaning()
    alone = DECLARED.match(code)
    if alone:
        return Meaning(beside=tuple(name.strip() for name in alone[1].split(",")))
    several = split_list(code)
    if len(several) > 1 and ASSIGNED.match(code) and not SEVERAL.match(code):  # `auto y = a, x = b`
        return Meaning(beside=tuple(one[1] for one in map(ASSIGNED.match, several) if one))
    return None


def _assigning(code: str) -> Meaning:
    several = SEVERAL.match(code)
    if several:
        return Meaning("assigned", tuple(name.strip() for name in (several[1] or several[2]).split(",")))
    for form, kind in ((ASSIGNED, "assigned"), (CHANGED, "changed")):
        found = form.match(code)
        if found:
            return Meaning(kind, (found[1].replace("->", ".").replace("this.", "self."),))
    built = BUILT.match(code)
    if built:
        return Meaning("assigned", (built[1],))
    handled = HANDLED.match(code)
    return Meaning(beside=(handled[1],) if handled else ())


def _listed(returned: str) -> Tuple[str, ...]:
    """Return what a statement returns where that is a name, or a list of two or more in braces or as a pair or tuple."""
    value = returned[len("return") :].strip()
    name = re.fullmatch(r"(?:std::move\()?([A-Za-z_]\w*)\)?", value)
    if name:
        return (name[1],)
    listed = re.fullmatch(r"(?:std::(?:make_)?(?:tuple|pair)\s*)?[({](.*)[)}]", value)
    if not LISTED.match(returned) or not listed:
        return ("",) if LISTED.match(returned) else ()
    return tuple(split_list(listed[1]))


def closed(code: str, begin: int) -> int:
    """Return what comes behind the bracket that closes one which was opened right before ``begin``."""
    depth, at = 1, begin
    while at < len(code) and depth:
        depth += (code[at] in "([{") - (code[at] in ")]}")
        at += 1
    return at


def split_list(text: str) -> List[str]:
    """Return the parts of a list that commas separate, where they stand in no bracket."""
    found, depth, begin = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            found.append(text[begin:at].strip())
            begin = at + 1
    return [*found, text[begin:].strip()]


def unguarded(code: str) -> str:
    """Return a statement without what it stands under on the same line: ``if (x) y = z`` is ``y = z``."""
    while True:
        found = GUARD.match(code)
        if not found:
            return code
        end = found.end()
        code = code[closed(code, end) if found.group().endswith("(") else end :].lstrip()
