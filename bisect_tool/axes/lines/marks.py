"""Mark the expression in a line that makes its value wrong, and clear lines before it, by the values of expressions on both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from bisect_tool.axes.lines.expressions import Known, Traced, at, lines_of, names_read, outermost, same, traced, untold
from bisect_tool.axes.lines.probes import LineProbes, Marks
from bisect_tool.axes.lines.statements import Statement
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.culprit import Mark
from bisect_tool.probes.handed import Values
from bisect_tool.sites import Site, variable_of


def with_marks(probes: LineProbes, statement: Statement) -> LineProbes:
    """Return the probes with the expressions of a statement that make another value of right ones, on both sides.

    Lines that it rests on are cleared where nothing that is off in it was computed there. The probes as they are where the
    reference cannot be run again, or gives other values now.
    """
    lines = probes.lines
    seen_inside = "expressions" in probes.question.port.capabilities
    reference = lines.reference() if seen_inside and not lines.other_branch(statement) else None
    if reference is None:
        return probes
    held = [site for other in probes.others for site in other.sites]
    own = {statement.theirs.place, probes.stands_at(statement.theirs)}
    unclear = probes.unclear_before(statement)
    before = set(map(probes.stands_at, unclear))
    theirs = probes.question.port.asides.expressions(lines.layers.patching(held), own | before)
    if not theirs.rows:
        return probes
    ours = reference.asides.expressions(lines.layers, {variable.place for variable in lines.ours})
    off = {(site, path) for site in statement.sites for path in probes.paths_off(site)}
    if not _as_captured(probes, ours, {site for site, _ in off}):
        return probes
    known = Known(theirs, ours)
    in_port = traced(theirs, {(lines.pairs.to_port[site], path) for site, path in off}, known)
    in_reference = traced(ours, off, Known(ours, theirs))
    # What agrees, and the reference assigns anew later: the port lacks a line.
    anew = {v: probes.replaced(lines.to_ours.get(v.site)) for v in unclear}
    outdated = {probes.stands_at(v) for v, later in anew.items() if later is not None}
    seen = {place for row in theirs.rows for place in lines_of(row)}
    cleared = frozenset((seen & (before | own)) - in_port.places - untold(theirs, known) - outdated)
    besides = [at(in_reference, places | {statement.ours.place}) for places in _partners(probes, in_port.places)]
    beside = _beside(in_port, in_reference, besides, {later.place for later in anew.values() if later is not None})
    if beside is None:
        instead = tuple(dict.fromkeys(row.text for row in outermost(besides[0].chain)))
        variables = {variable_of(variable.site).rpartition(":")[2] for variable in lines.theirs}
        starts = tuple(name for name in names_read(theirs, in_port) if name in variables)
        return dataclasses.replace(probes, marks=Marks(cleared, starts=starts, instead=instead))
    line = _line_of(in_port)
    marks = Marks(
        cleared=cleared,
        port=_marks(in_port),
        reference=_marks(beside),
        port_line=_moved(in_port, own),
        reference_line=_moved(beside, {statement.ours.place}),
        assigns=tuple(dict.fromkeys(variable_of(r.site) for r in theirs.rows if r.span is None and r.place == line)),
    )
    return dataclasses.replace(probes, marks=marks)


def _beside(
    in_port: Traced, in_reference: Traced, besides: Sequence[Traced], lacking: Collection[str]
) -> Traced | None:
    """Return what of the reference stands beside what is off in the port; None where one side writes out one expression of the other.

    Where all that makes the difference stands on lines which the port is ``lacking``, these.
    """
    if in_reference.makers and all(row.place in lacking for row in in_reference.makers):
        return in_reference
    like = next((one for one in besides if in_port.is_like(one)), None)
    return like or (None if besides[0].is_written_out_by(in_port) else in_reference)


def _partners(probes: LineProbes, places: frozenset[str]) -> tuple[set[str], set[str]]:
    """Return the reference's lines of the variables that some lines of the port assign, and of all of their names: it may have one more."""
    lines = probes.lines
    at_places = (v for v in lines.theirs if not places.isdisjoint((v.place, probes.stands_at(v))))
    sites = {site for variable in at_places if (site := lines.to_ours.get(variable.site)) is not None}
    names = set(map(variable_of, sites))
    beside = {variable.place for variable in lines.ours if variable.site in sites}
    return beside, {variable.place for variable in lines.ours if variable_of(variable.site) in names}


def _as_captured(probes: LineProbes, ours: Values, sites: Collection[Site]) -> bool:
    """Tell whether the reference gives now what it gave when it was captured."""
    capture = probes.lines.capture
    rows = {row.site: row for row in ours.rows if row.span is None}
    for site in sites:
        wanted = [capture.read(key) for _, key in tensor_keys(capture.variables[site])]
        found = [ours.arrays[key] for _, key, _ in rows[site].parts] if site in rows else []
        if len(wanted) != len(found) or not all(map(same, found, wanted)):
            return False
    return True


def _line_of(found: Traced) -> str | None:
    """Return the line in which all stand that make a difference, None where that are several."""
    places = {one.place for one in found.makers}
    return places.pop() if len(places) == 1 else None


def _moved(found: Traced, own: set[str]) -> str | None:
    place = _line_of(found)
    return None if place in own else place


def _marks(found: Traced) -> tuple[Mark, ...]:
    """Return the expressions, if they stand in one line."""
    if _line_of(found) is None:
        return ()
    return tuple(dict.fromkeys(Mark(one.span, one.text) for one in found.makers if one.span is not None))
