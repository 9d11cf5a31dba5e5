"""The statements that both sides share in one piece of plain code, as sites of the port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bisect_tool.axes.lines.names import LinePairs, pair_by_name, with_values
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.probes.handed import Survey, Variable
from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.sites import Site, variable_of

FLOOR = 2e-5  # relative; what a few float32 operations do


@dataclass(frozen=True)
class Statement:
    """All assignments of one line to one variable: ``sites`` in the reference's names, and what a message calls it."""

    sites: tuple[Site, ...]
    ours: Variable
    theirs: Variable

    @property
    def name(self) -> str:
        """Return its function and variable."""
        return variable_of(self.sites[0])


@dataclass(frozen=True)
class Branch:
    """How the functions of two branches are first called, ``ours`` in the reference and ``theirs``, and the port's condition."""

    ours: Variable
    theirs: Variable
    condition: str


class Lines:
    """The variables that the port shares with the reference in one piece of code, while what it reads is the reference's.

    ``around`` is the module call whose code that is, None for the code of ``step``; ``layers`` makes all else right;
    ``seen`` is the call that shows whether the code is right, where no target does.

    Attributes: ``statements`` as the port runs, ``order`` (the place of each of their sites), ``pairs``,
    ``to_ours`` (the port's site to the reference's), ``survey`` (what the port assigned and caught).
    """

    def __init__(
        self,
        port: Port,
        capture: Capture,
        layers: Intervention,
        around: Site | None = None,
        seen: Site | None = None,
    ) -> None:
        self.port = port
        self.around = around
        self.seen = seen
        self.capture = capture
        self.layers = layers
        manifest = capture.manifest
        ours = [
            Variable(
                Site(entry.site),
                entry.around,
                entry.kind == "parameter",
                entry.place,
                tuple((p, manifest.tensors[k].shape, manifest.tensors[k].dtype) for p, k in tensor_keys(entry.value)),
            )
            for entry in manifest.variables
            if entry.around == around
        ]
        self.survey: Survey = port.asides.survey(layers)
        theirs = [variable for variable in self.survey.variables if variable.around == around]
        self.pairs: LinePairs = pair_by_name(ours, theirs, port.port_call, port.rename)
        same = port.asides.identify(layers, self.pairs.ours, self.pairs.theirs)
        self.pairs = with_values(self.pairs, same, ours, theirs)
        self._called = [{v.function: v for v in reversed(side) if v.passed} for side in (ours, theirs)]
        self.pairs = replace(self.pairs, to_port=port.asides.attach_variables(self.pairs.to_port))
        self.to_ours = {port: mine for mine, port in self.pairs.to_port.items()}
        shared = [self.to_ours[variable.site] for variable in theirs if variable.site in self.to_ours]
        self.order = {site: number for number, site in enumerate(shared)}
        self.statements = sorted(_statements(ours, theirs, self.pairs), key=lambda s: self.order[s.sites[0]])

    @property
    def sites(self) -> list[Site]:
        """Return every site of every statement."""
        return [site for statement in self.statements for site in statement.sites]

    def branch(self, statement: Statement) -> Branch | None:
        """Return where another branch was taken, if a statement lies in a function that the port calls in another's place.

        Its condition must have a call of the reference's function too: else the port just has it otherwise.
        """
        mine, theirs = self._called
        ours, port = statement.ours.function, statement.theirs.function
        if (
            ours not in mine
            or port not in theirs
            or ours in theirs
            or port in mine
            or ours not in self.survey.functions
        ):
            return None
        under = self.survey.conditions.get(theirs[port].place, ())
        condition = next((place for place, called in under if ours.rpartition(".")[2] in called), None)
        return None if condition is None else Branch(mine[ours], theirs[port], condition)

    def excerpt(self, variable: Variable, *, port: bool) -> Excerpt | None:
        """Return the lines around the one where a variable is assigned."""
        return (self.survey.excerpts if port else self.capture.manifest.excerpts).get(variable.place)


def _statements(ours: Sequence[Variable], theirs: Sequence[Variable], pairs: LinePairs) -> list[Statement]:
    by_site = {variable.site: variable for variable in theirs}
    groups: dict[tuple[str, str], list[Variable]] = {}
    for variable in ours:
        if variable.site in pairs.to_port:
            groups.setdefault((variable_of(variable.site), variable.place), []).append(variable)
    return [
        Statement(tuple(v.site for v in group), group[0], by_site[pairs.to_port[group[0].site]])
        for group in groups.values()
    ]
