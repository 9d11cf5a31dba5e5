"""What of a port in C++ nobody can see, and the line that shows it."""

from __future__ import annotations

from typing import Callable, Collection, Dict, List

from . import libtorch_runtime
from .adapter import Tree
from .torch_modules import class_name, is_library

MOST = 3  # names of one class


def hidden(tree: Tree) -> Callable[[Collection[str]], List[str]]:
    """Begin to look which parameters operations read; return who says which calls, and parts of what they take, are not seen.

    A module computes whose parameters are read, or that has others in it which are called, and is none of libtorch's own.
    """
    runtime = libtorch_runtime.loaded()
    runtime.look_at([tensor for _, module, _ in tree for tensor in module.parameters(recurse=False)])
    runtime.opaque_types()  # those of before

    def tell(called: Collection[str]) -> List[str]:
        found: Dict[str, List[str]] = {}
        for name, module, _ in tree:
            reads = any(map(runtime.was_read, module.parameters(recurse=False)))
            around = any(one.startswith(name + ".") for one in called)
            if name not in called and not is_library(module) and (reads or around):
                found.setdefault(class_name(module), []).append(name)
        return [_not_seen(*pair) for pair in found.items()] + [_opaque(name) for name in runtime.opaque_types()]

    return tell


def _not_seen(name: str, sites: List[str]) -> str:
    more = " and %d more" % (len(sites) - MOST) if len(sites) > MOST else ""
    return "calls of %s (%s%s) are not seen: write BISECT_FORWARD(its arguments); as the first line of its forward" % (
        name,
        ", ".join(sites[:MOST]),
        more,
    )


def _opaque(name: str) -> str:
    return (
        "a call is handed or gives a %s, and its parts are not seen: write BISECT_FIELDS(its fields) in that struct"
        % name
    )
