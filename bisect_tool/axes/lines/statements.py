"""The statements that both sides share in one piece of plain code, as sites of the port."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bisect_tool.axes.lines.names import LinePairs, not_elsewhere, of_one_size, pair_by_name, unless_found, with_values
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.probes.handed import Survey, Variable, last_shared
from bisect_tool.probes.interface import Port
from bisect_tool.probes.intervention import Intervention
from bisect_tool.sites import STEP, Site, calls_around, variable_of


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
class OtherBranch:
    """How the functions of two branches are first called, ``ours`` in the reference and ``theirs``, and the port's condition."""

    ours: Variable
    theirs: Variable
    condition: str


@dataclass(frozen=True)
class SharedLines:
    """The variables that the port shares with the reference in one piece of code, while what it reads is the reference's.

    Attributes:
        layers: makes all that the code reads right.
        seen: the call that shows whether the code is right, where no target does.
        given: the port's name of the call whose arguments are known to be right: given, or compared.
        survey: what the port assigned and caught, anywhere.
        ours, theirs: the variables of this code on both sides, in order.
        pairs: which of them mean the same.
        reference: opens the reference itself, where it can be run again.

    """

    capture: Capture
    layers: Intervention
    seen: Site | None
    given: str | None
    survey: Survey
    ours: tuple[Variable, ...]
    theirs: tuple[Variable, ...]
    pairs: LinePairs
    reference: Callable[[], Port | None] = lambda: None

    @functools.cached_property
    def to_ours(self) -> Mapping[Site, Site]:
        """Return the port's site of each shared variable to the reference's."""
        return {port: mine for mine, port in self.pairs.to_port.items()}

    @functools.cached_property
    def order(self) -> Mapping[Site, int]:
        """Return the place of each shared assignment, as the port runs."""
        shared = [self.to_ours[variable.site] for variable in self.theirs if variable.site in self.to_ours]
        return {site: number for number, site in enumerate(shared)}

    @functools.cached_property
    def statements(self) -> Sequence[Statement]:
        """Return the statements that both sides share, as the port runs."""
        found = _statements(self.ours, self.theirs, self.pairs)
        return sorted(found, key=lambda statement: self.order[statement.sites[0]])

    @property
    def sites(self) -> list[Site]:
        """Return every site of every statement."""
        return [site for statement in self.statements for site in statement.sites]

    def other_branch(self, statement: Statement) -> OtherBranch | None:
        """Return where another branch was taken, if a statement lies in a function that the port calls in another's place.

        Its condition must have a call of the reference's function too: else the port just has it otherwise.
        """
        mine, theirs = _first_called(self.ours), _first_called(self.theirs)
        ours, port = statement.ours.function, statement.theirs.function
        if ours not in mine or port not in theirs or ours in theirs or port in mine:
            return None
        if ours not in self.survey.functions:
            return None
        under = self.survey.conditions.get(theirs[port].place, ())
        condition = next((place for place, called in under if ours.rpartition(".")[2] in called), None)
        return None if condition is None else OtherBranch(mine[ours], theirs[port], condition)


def look_at(
    port: Port,
    capture: Capture,
    layers: Intervention,
    code: Collection[Site] = (STEP,),
    seen: Site | None = None,
    *,
    given: Site | None = None,
    to_a_crash: bool = False,
    reference: Callable[[], Port | None] = lambda: None,
) -> SharedLines:
    """Run the port once to see what it assigns, once more to know by their values what has other names; pair and attach them.

    ``code`` are the calls whose own code that is, or ``step``; all arguments of the call ``given`` are known to be right; see
    ``SharedLines`` for the rest. With ``to_a_crash`` it is seen as far as the port runs.
    """
    ours = tuple(variable for variable in recorded(port, capture) if variable.around in code)
    survey = _left_to_the_port(port, layers, port.asides.survey(layers, to_a_crash=to_a_crash))
    theirs = tuple(variable for variable in survey.variables if variable.around in code and not variable.unseen)
    named = pair_by_name(ours, theirs, port.port_call, port.rename)
    sure = of_one_size(named, ours, theirs)
    same = not_elsewhere(named, port.asides.identify(layers, sure.ours, sure.theirs))
    pairs = with_values(unless_found(named, same, ours, theirs), same, ours, theirs)
    pairs = replace(pairs, to_port=port.asides.attach_variables(pairs.to_port))
    call = None if given is None else port.port_call(given)
    return SharedLines(capture, layers, seen, call, survey, ours, theirs, pairs, reference)


def _left_to_the_port(port: Port, layers: Intervention, survey: Survey) -> Survey:
    """Return what the port assigns, in a forced pass without what calls in place do: nothing reads what they give."""
    loose = layers.dissolved
    if loose is None:
        return survey
    kept = tuple(v for v in survey.variables if v.around == STEP or v.around in loose or not port.can_patch(v.around))
    return replace(survey, variables=kept)


def recorded(port: Port, capture: Capture) -> tuple[Variable, ...]:
    """Return the reference's variables; what a module computes that the port does not call is its caller's code."""
    manifest = capture.manifest
    tensors = manifest.tensors

    def shared(call: str) -> str | None:
        return None if port.port_call(call) is None else call

    def around(call: str | None) -> Site:
        calls = () if call is None else (call, *calls_around(manifest.calls, call))
        return Site(next(filter(None, map(shared, calls)), STEP))

    after = last_shared((entry.site for entry in manifest.sites), shared)

    return tuple(
        Variable(
            Site(entry.site),
            around(entry.around),
            entry.kind == "parameter",
            entry.place,
            tuple((path, tensors[key].shape, tensors[key].dtype) for path, key in tensor_keys(entry.value)),
            after=after[min(entry.after, len(after) - 1)],
        )
        for entry in manifest.variables
    )


def _first_called(variables: Sequence[Variable]) -> dict[str, Variable]:
    """Return the first parameter that each function is passed."""
    return {variable.function: variable for variable in reversed(variables) if variable.passed}


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
