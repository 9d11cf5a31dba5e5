"""What a port hands over beside readings: what its functions assigned, what its calls gave, what its optimizer made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from bisect_tool.captures.manifest import Caught, Excerpt, OptimizerGroup
from bisect_tool.line_names import Variable

Arrays = list[tuple[str, "npt.NDArray[Any]"]]


@dataclass(frozen=True)
class Survey:
    """Every variable that a run of the port assigned, in order, the lines it did it on, and the exceptions it caught.

    ``skipped`` says which functions could not be watched, and why; ``cut`` has the variables that were assigned too often
    to look at every time; ``functions`` all that are watched, called or not; ``conditions`` each ``if`` that a call stands
    under, by the call's line: its own line and what is called in it, the innermost first.
    """

    variables: tuple[Variable, ...] = ()
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    caught: tuple[Caught, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    cut: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    conditions: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class PulledStatements:
    """What each statement contributes to the gradient of what it reads: its norm and some projections, the last first.

    ``places``: the line of each call; ``excerpts``: the lines around these; ``stopped``: variables that the code stops in
    place, after they were assigned.
    """

    edges: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()


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
