"""Where a statement of the backward pass stands, on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from bisect_tool.axes.lines.reads import unclear_before
from bisect_tool.axes.lines.statements import SharedLines
from bisect_tool.captures.manifest import Excerpt, Gradients, Manifest
from bisect_tool.culprit import Line
from bisect_tool.probes.handed import PulledStatements, Variable
from bisect_tool.sites import Edge, Site, variable_of


@dataclass(frozen=True)
class Places:
    """The lines of both sides. ``alike`` are the variables that have the same values there."""

    gradients: Gradients
    manifest: Manifest
    lines: SharedLines
    pulled: PulledStatements
    alike: frozenset[Site]

    def line(self, statement: Edge, read: Edge) -> Line:
        """Return the lines of a statement; where a call is handed something, that of the call."""
        called = statement.part == "inputs" and statement.site in self.pulled.places
        name = Site(statement.site if called or variable_of(statement.site) else read.site)
        return self._in_function(statement, name) or Line(
            self._in_reference(name), self._in_port(name), self._unclear(name)
        )

    def is_own_backward(self, statement: Edge) -> bool:
        """Tell whether a statement is pulled back by code of the port's own: by the backward pass of a Function."""
        return statement.spell() in self.pulled.backward

    def _in_function(self, statement: Edge, name: Site) -> Line | None:
        """Return the last line of the Functions whose backward pass pulled a statement back; any of them may be at fault."""
        *before, last = self.pulled.backward.get(statement.spell(), ("",))
        excerpt = self._excerpts().get(last)
        if excerpt is None:
            return None
        own = self._port_place(name)
        unclear = [place for place in (own, *before) if place not in (None, last)]
        return Line(self._in_reference(name), excerpt, tuple(filter(None, dict.fromkeys(unclear))))

    def _unclear(self, name: Site) -> tuple[str, ...]:
        """Return the port's lines that a statement's value comes from, as far as the reference has no such variable."""
        survey = self.lines.survey
        variable = self._variable(name) or survey.next_after.get(name)  # a call's line assigns what comes next
        if variable is None:
            return ()
        clear = {self.lines.pairs.to_port[site] for site in self.alike}
        found = unclear_before(variable, survey.variables, survey.excerpts, lambda v: v.site in clear)
        passing = [v for v in found if any(dtype.startswith("float") for _, _, dtype in v.parts)]
        return tuple(dict.fromkeys(v.place for v in passing if v.place != self._port_place(name)))

    def _variable(self, name: Site) -> Variable | None:
        """Return the port's variable that is the reference's."""
        partner = self.lines.pairs.to_port.get(name)
        return next((v for v in self.lines.survey.variables if v.site == partner), None)

    def _in_port(self, name: Site) -> Excerpt | None:
        place = self._port_place(name)
        return None if place is None else self._excerpts().get(place)

    def _port_place(self, name: Site) -> str | None:
        variable = self._variable(name)
        return self.pulled.places.get(name) if variable is None else variable.place

    def _excerpts(self) -> dict[str, Excerpt]:
        return {**self.lines.survey.excerpts, **self.pulled.excerpts}

    def _in_reference(self, name: Site) -> Excerpt | None:
        assigned = (v.place for v in self.manifest.variables if v.site == name)
        place = next(assigned, self.gradients.places.get(name))
        return None if place is None else self.manifest.excerpts.get(place)
