"""What may be asked of a port: probes, and what only some workers can answer beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import WatchedFunctions
from bisect_tool.captures.reader import Capture
from bisect_tool.pairing.names import Matching
from bisect_tool.probes.handed import Handed, PulledStatements, Steps, Survey, Values, Variable
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.sites import Site


class Asides(Protocol):
    """What a port is asked beside probes: each answer may be empty, and ``unanswered`` then says why, by the operation."""

    @property
    def unanswered(self) -> Mapping[str, str]:
        """Why the worker could not answer, by the operation."""
        ...

    @property
    def watched(self) -> WatchedFunctions:
        """Which functions the last survey looked at beside the recipe's."""
        ...

    def values(self, intervention: Intervention, sites: Iterable[Site]) -> dict[Site, Handed]:
        """Run one probe and return what some calls were handed and gave."""
        ...

    def compare_state(self, names: Iterable[Site]) -> dict[Site, float]:
        """Return how far parameters and buffers, as the port builds them, are off from the reference's."""
        ...

    def survey(self, intervention: Intervention, *, to_a_crash: bool = False) -> Survey:
        """Run one probe and return what the port's watched functions assigned; ``to_a_crash``: also where the run raises."""
        ...

    def identify(
        self, intervention: Intervention, ours: Sequence[Variable], theirs: Sequence[Variable]
    ) -> dict[Site, Site]:
        """Run one probe and pair variables of the port with those of the reference's that have the same values."""
        ...

    def expressions(self, intervention: Intervention, lines: Iterable[str]) -> Values:
        """Run one probe and return what the expressions in the statements on some lines give."""
        ...

    def attach_variables(self, pairs: Mapping[Site, Site]) -> Mapping[Site, Site]:
        """Take variables as sites, the reference's name of each to the port's own; return those that are sites now."""
        ...

    def statements(self, intervention: Intervention, owner: Site, variables: Iterable[Site]) -> PulledStatements:
        """Run one probe and return what each statement of one call's own code contributes to gradients."""
        ...

    def steps(self, patched: Iterable[Site]) -> Steps | None:
        """Let the port's optimizer take its steps from the reference's parameters and gradients; None where it cannot."""
        ...


class Port(Protocol):
    """A port of the reference model, and all that the search may ask of it, in the reference's names.

    Every ``run`` starts from the same weights, inputs and random state, and leaves nothing behind.
    """

    @property
    def capabilities(self) -> frozenset[str]:
        """What its worker can do; an axis that needs more is left out."""
        ...

    @property
    def described(self) -> Described:
        """Names, shapes and settings of the port."""
        ...

    @property
    def matching(self) -> Matching:
        """Which of its names are which of the reference's."""
        ...

    @property
    def rename(self) -> Sequence[tuple[str, str]]:
        """The rules that the matching rests on beside equal names."""
        ...

    @property
    def sum_error(self) -> float:
        """Relative error of the framework's own sum of as many numbers as the largest recorded tensor has."""
        ...

    @property
    def asides(self) -> Asides:
        """What can be asked beside probes."""
        ...

    @property
    def killed(self) -> Sequence[str]:
        """What it was asked as somebody killed its process; each was asked once more."""
        ...

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe. Raises BisectError when a patch was not consumed."""
        ...

    def on_life(self, check: Callable[[], None]) -> None:
        """Have something called at every sign of life of whoever runs a probe; what it raises ends the probe, and the port."""
        ...

    def knows(self, capture: Capture) -> bool:
        """Tell whether it was opened beside this very capture: the values that it puts anywhere are of that one."""
        ...

    def can_patch(self, site: str) -> bool:
        """Tell whether the reference's value can be put at a site."""
        ...

    def port_call(self, call: str) -> str | None:
        """Return the port's name of a module call of the reference."""
        ...
