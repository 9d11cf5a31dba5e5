"""Names of sites: module calls, parameters and buffers, each with one spelling everywhere.

A module call is the module's path, with ``#n`` from its second call on (``model.9.m``, ``model.9.m#2``);
a parameter or buffer is its path (``model.0.conv.weight``). A variable is its function and its name, with ``#n`` from
the second time on (``Loss.__call__:total#2``); one of a module's own forward method is named by the module's call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, NewType

Site = NewType("Site", str)

BUFFER = "buffer:"  # before the name of a buffer, where it stands beside the paths of a call's value
STEP = Site("step")  # the recipe's own code around the modules: it has no call that could be patched


def call_site(module: str, number: int) -> Site:
    """Return the site of a module's ``number``-th call, counted from 1."""
    return Site(module if number == 1 else f"{module}#{number}")


def module_of(site: str) -> str:
    """Return the module whose call a site is."""
    return site.partition("#")[0]


def call_number(site: str) -> int:
    """Return which call of its module a site is, counted from 1."""
    _, _, number = site.partition("#")
    return int(number or 1)


def calls_around(calls: Mapping[str, str | None], call: str) -> Iterator[Site]:
    """Yield the calls around a call, the innermost first; ``calls`` is every call to the one around it."""
    around = calls.get(call)
    while around is not None:
        yield Site(around)
        around = calls.get(around)


def parent_of(name: str) -> str:
    """Return the module that a module, parameter or buffer lies in; the top is ''."""
    return name.rpartition(".")[0]


def buffer_of(path: str) -> Site | None:
    """Return the buffer that a path beside those of a call's value names, None where it is one of a value."""
    return Site(path.removeprefix(BUFFER)) if path.startswith(BUFFER) else None


def variable_of(site: str) -> str:
    """Return a variable's function and name without the number of its assignment, '' for what is no variable."""
    label, colon, variable = site.partition(":")
    return f"{label}:{variable.partition('#')[0]}" if colon else ""


class Edge(NamedTuple):
    """A statement, or one thing that it reads: a ``part`` of a site, and the ``path`` to it in a nested value.

    A statement has no path, and that of the targets no part. Parts are "value" (of a variable), "inputs" and "output" (of a
    call) and "state" (of the code that owns a parameter, whose name is the path). Spelled ``site|part|path``, as a worker and
    a manifest have it.
    """

    site: str
    part: str | None = None
    path: str | None = None

    @classmethod
    def parse(cls, spelled: str) -> Edge:
        """Read one as it is spelled."""
        return cls(*spelled.split("|", 2))

    def spell(self) -> str:
        """Return how it is spelled."""
        return "|".join(part for part in self if part is not None)

    @property
    def statement(self) -> Edge:
        """Return the statement that makes what is read."""
        return Edge(self.site, self.part)

    def renamed(self, name: Callable[[str], str]) -> Edge:
        """Return it with other names: of its site, and of a parameter."""
        return Edge(name(self.site), self.part, name(self.path) if self.part == "state" and self.path else self.path)
