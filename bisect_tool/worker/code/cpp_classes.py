"""What the forward of each class in C++ calls its arguments, from the sources: compiled code does not know."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Sequence, Tuple

from .cpp_source import parameters, text_of, without_comments
from .cpp_statement import OTHER, closed

ENDINGS = (".h", ".hh", ".hpp", ".hxx", ".cpp", ".cc", ".cxx")
MOST_FILES = 2000
CLASS = re.compile(r"\b(?:struct|class)\s+(\w+)[^;{}()]*\{")
INSIDE = re.compile(r"\bforward\s*\(")
OUTSIDE = re.compile(r"\b(\w+)::forward\s*\(")


def forwards(folders: Sequence[str]) -> Dict[str, List[str]]:
    """Return by the name of a class what its forward takes, where all that is found in some folders say the same."""
    found: Dict[str, set[Tuple[str, ...]]] = {}
    for path in _sources(folders):
        for name, listed in _listed(without_comments(text_of(path))):
            names = tuple(part.lstrip(OTHER) for part in parameters(listed))
            if len(names) == _count(listed):
                found.setdefault(name, set()).add(names)
    return {name: list(next(iter(several))) for name, several in found.items() if len(several) == 1}


def _listed(code: str) -> Iterator[Tuple[str, str]]:
    """Yield a class and the list of what its forward takes, with its brackets."""
    for found in CLASS.finditer(code):
        inside = code[found.end() : closed(code, found.end())]
        for forward in INSIDE.finditer(inside):
            if not re.search(r"(->|\.|::|return)\s*$", inside[: forward.start()]):  # a call
                yield found[1], inside[forward.end() - 1 : closed(inside, forward.end())]
    for found in OUTSIDE.finditer(code):
        yield found[1], code[found.end() - 1 : closed(code, found.end())]


def _count(listed: str) -> int:
    inside = listed[1:-1]
    while re.search(r"<[^<>]*>|\([^()]*\)|\{[^{}]*\}", inside):
        inside = re.sub(r"<[^<>]*>|\([^()]*\)|\{[^{}]*\}", "", inside)
    return len(inside.split(",")) if inside.strip() else 0


def _sources(folders: Sequence[str]) -> Iterator[str]:
    count = 0
    for folder in dict.fromkeys(map(os.path.realpath, folders)):
        for root, inner, files in os.walk(folder):
            inner[:] = sorted(name for name in inner if not name.startswith((".", "build", "captures")))
            for name in sorted(files):
                if name.endswith(ENDINGS) and count < MOST_FILES:
                    count += 1
                    yield os.path.join(root, name)
