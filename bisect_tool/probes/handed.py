"""What a port hands over beside readings: what its functions assigned, what its calls gave, what its optimizer made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from bisect_tool.captures.described import OptimizerGroup
from bisect_tool.captures.manifest import Caught, Excerpt
from bisect_tool.sites import STEP, Site, variable_of

Part = tuple[str, tuple[int, ...], str]  # path in the nested value, shape, dtype
Arrays = list[tuple[str, "npt.NDArray[Any]"]]


@dataclass(frozen=True)
class Variable:
    """One assignment: its site, the call around it that both sides make (in the reference's names), its line, and its parts.

    ``around`` is ``step`` outside any call; ``after``: the call of both sides that ended last before it. ``passed``: it is a parameter, assigned by the call of its function; ``type``: the class of its value, where that is known; ``declared``: the line on which a
    parameter is written down, with its default; ``writes``: the port's parameters and buffers that it writes; ``unseen``:
    it is there, and nobody has seen what it holds; ``read``: what was read for it, beside the names in its line.
    """

    site: Site
    around: Site
    passed: bool
    place: str
    parts: tuple[Part, ...]
    type: str = ""
    after: str | None = None
    declared: str = ""
    writes: tuple[str, ...] = ()
    unseen: bool = False
    read: tuple[Site, ...] = ()

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], after: Sequence[str | None], shared: Callable[[str], str | None]
    ) -> Variable:
        """Read one as a worker says it. Raises KeyError, TypeError or ValueError.

        ``after`` is as of ``last_shared``; ``shared`` gives the reference's name of a call that it makes too.
        """
        place, declared = str(data["place"]), str(data.get("declared", ""))
        for line in (place, *filter(None, [declared])):
            if not re.fullmatch(r".+:\d{1,9}", line):
                raise ValueError(f"{line!r} is no line, spelled file:number")
        parts = [(str(path), tuple(int(n) for n in shape), str(dtype)) for path, shape, dtype in data["parts"]]
        return cls(
            Site(str(data["site"])),
            Site(next(filter(None, map(shared, data["around"])), STEP)),
            data["kind"] == "parameter",
            place,
            tuple(parts),
            str(data.get("type", "")),
            after[min(max(int(data["after"]), 0), len(after) - 1)],
            declared,
            tuple(map(str, data.get("writes", ()))),
            bool(data.get("unseen")),
            tuple(map(Site, data.get("read", ()))),
        )

    @property
    def function(self) -> str:
        """Return its function, or the module call whose forward method it is of."""
        return self.site.partition(":")[0]

    @property
    def name(self) -> str:
        """Return what it is called in its function."""
        return variable_of(self.site).partition(":")[2]


def last_shared(ended: Iterable[str], shared: Callable[[str], str | None]) -> list[str | None]:
    """Return, for each number of calls that ended, the last of them that both sides make, in the reference's names."""
    found: list[str | None] = [None]
    for call in ended:
        found.append(shared(call) or found[-1])
    return found


@dataclass(frozen=True)
class Raised:
    """Where the port's code raised: the line, and the function, or the module call whose forward method it is of."""

    place: str
    function: str


@dataclass(frozen=True)
class Survey:
    """Every variable that a run of the port assigned, in order, the lines it did it on, and the exceptions it caught.

    ``skipped`` says which functions could not be watched, and why; ``cut`` has the variables that were assigned too often
    to look at every time; ``functions`` all that are watched, called or not; ``conditions`` each ``if`` that a call stands
    under, by the call's line: its own line and what is called in it, the innermost first; ``raised``, where it ended so, at
    which line and in which function; ``next_after`` the variable that is assigned next after each call that both sides make.
    """

    variables: tuple[Variable, ...] = ()
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    caught: tuple[Caught, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    conditions: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = field(default_factory=dict)
    raised: Raised | None = None
    next_after: Mapping[str, Variable] = field(default_factory=dict)


@dataclass(frozen=True)
class Value:
    """What an expression gave, or what its statement assigned: ``span`` is None then.

    ``place`` is the line on which the statement begins; ``span`` (line, column, last line, column after it), columns in bytes of
    UTF-8; ``parts`` are paths with the key of an array and the number of the value that had this very part first: its own, or that
    of one before it; ``was`` are the numbers of values that it was before this one was written over them; ``plain``: a
    number of Python's is in it, which nobody can follow from where it is assigned to where it is read.
    """

    site: Site
    place: str
    span: tuple[int, int, int, int] | None
    text: str
    parts: tuple[tuple[str, str, int], ...]
    was: tuple[int, ...] = ()
    plain: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any], number: int) -> Value:
        """Read one as a worker says it. Raises KeyError, TypeError or ValueError."""
        found = re.fullmatch(r"(\d+):(\d+)-(\d+):(\d+)", data["span"]) if data["span"] else None
        if data["span"] and found is None:
            raise ValueError(f"{data['span']!r} is no place of an expression, spelled line:column-line:column")
        first, start, last, end = map(int, found.groups()) if found else (0, 0, 0, 0)
        parts = tuple((str(path), str(key), min(max(int(n), 0), number)) for path, key, n in data["parts"])
        span = (first, start, last, end) if found else None
        was = tuple(min(max(int(n), 0), number) for n in data["was"])
        return cls(
            Site(str(data["site"])), str(data["place"]), span, str(data["text"]), parts, was, bool(data["plain"])
        )


@dataclass(frozen=True)
class Values:
    """What the expressions on some lines gave in one run, in order, with the arrays by key."""

    rows: tuple[Value, ...] = ()
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class PulledStatements:
    """What each statement contributes to the gradient of what it reads: its norm and some projections, the last first.

    ``places``: the line of each call; ``excerpts``: the lines around these; ``stopped``: variables that the code stops in
    place, after they were assigned; ``backward``: the lines of autograd Functions that pulled a statement back.
    """

    edges: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()
    backward: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Steps:
    """What an optimizer made of the reference's parameters and gradients: each parameter after the first and second step."""

    groups: tuple[OptimizerGroup, ...]
    after: Mapping[str, list[npt.NDArray[Any]]]


@dataclass(frozen=True)
class Handed:
    """What a call of the port was given and what it gave: arrays by their path in the nested value."""

    inputs: Arrays
    output: Arrays
