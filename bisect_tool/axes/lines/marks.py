"""Mark the expression in a line that makes its value wrong, and clear lines before it, by the values of expressions on both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bisect_tool.axes.lines.expressions import Known, Traced, same, traced
from bisect_tool.axes.lines.probes import LineProbes
from bisect_tool.axes.lines.statements import Statement
from bisect_tool.captures.manifest import Excerpt
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.culprit import Line, Mark
from bisect_tool.probes.handed import Values
from bisect_tool.sites import Site


def with_marks(probes: LineProbes, statement: Statement, line: Line) -> Line:
    """Return the line of a statement with the expressions in it that make another value of right ones, on both sides.

    Lines that it rests on are cleared where nothing that is off in it was computed there. The line as it is where the reference
    cannot be run again, or gives other values now.
    """
    lines = probes.lines
    reference = None if line.port is None or line.does else lines.reference()
    if reference is None:
        return line
    held = [site for other in probes.others for site in other.sites]
    theirs = probes.question.port.asides.expressions(lines.layers.patching(held), line.places)
    if not theirs.rows:
        return line
    ours = reference.asides.expressions(lines.layers, {variable.place for variable in lines.ours})
    off = probes.off_sites(probes.free, statement) or statement.sites
    if not _as_captured(probes, ours, off):
        return line
    in_port = _traced(theirs, {lines.pairs.to_port[site] for site in off}, ours)
    in_reference = _traced(ours, set(off), theirs)
    seen = {row.place for row in theirs.rows}
    return dataclasses.replace(
        line,
        unclear=tuple(place for place in line.unclear if place in in_port.places or place not in seen),
        port_marks=_marks(in_port, line.place),
        reference_marks=_marks(in_reference, _place(line.reference)),
    )


def _traced(values: Values, sites: set[Site], others: Values) -> Traced:
    roots = [number for number, row in enumerate(values.rows) if row.span is None and row.site in sites]
    return traced(values, roots, Known(others))


def _as_captured(probes: LineProbes, ours: Values, sites: Sequence[Site]) -> bool:
    """Tell whether the reference gives now what it gave when it was captured."""
    capture = probes.lines.capture
    rows = {row.site: row for row in ours.rows if row.span is None}
    for site in sites:
        wanted = [capture.read(key) for _, key in tensor_keys(capture.variables[site])]
        found = [ours.arrays[key] for _, key, _ in rows[site].parts] if site in rows else []
        if len(wanted) != len(found) or not all(map(same, found, wanted)):
            return False
    return True


def _place(excerpt: Excerpt | None) -> str | None:
    return None if excerpt is None else f"{excerpt.file}:{excerpt.line}"


def _marks(found: Traced, place: str | None) -> tuple[Mark, ...]:
    """Return the expressions, if all that make a difference stand in the one line that is shown."""
    if {one.place for one in found.makers} != {place}:
        return ()
    return tuple(dict.fromkeys(Mark(one.span, one.text) for one in found.makers if one.span is not None))
