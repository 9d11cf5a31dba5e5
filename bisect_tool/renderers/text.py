"""Draw a report on a terminal with rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bisect_tool.renderers import tables
from bisect_tool.renderers.census import census_table
from bisect_tool.renderers.culprits import culprit_table, culprit_title
from bisect_tool.renderers.words import shown
from bisect_tool.report.data import Report
from bisect_tool.sentences import captions

BORDERS = {"agrees": "green", "diverges": "red", "inconclusive": "yellow"}


def draw(report: Report, console: Console) -> None:
    """Draw a report: the verdict, the targets, the culprits with their proofs, what differs, the probes."""
    console.print(_verdict(report))
    console.print(tables.targets(report))
    for line in tables.ranges(report):
        console.print(line)
    for number, culprit in enumerate(report.culprits, 1):
        _section(console, culprit_title(number, culprit), culprit_table(culprit))
    _lines(console, "Ruled out", report.ruled_out)
    _lines(console, "Not settled", report.open_ends)
    _section(console, tables.preflight(report))
    _section(console, census_table(report.census))
    _gradients(console, report)
    _lines(console, "Sizes", report.sizes)
    _section(console, tables.probes(report.probes), _cost(report))
    _lines(console, "Notes", report.notes)


def _verdict(report: Report) -> Panel:
    colour = BORDERS[report.verdict]
    return Panel(
        shown(report.sentence),
        title=Text(report.verdict.upper(), style=f"bold {colour}"),
        subtitle=shown(f"{report.recipe}: {report.models.port} against {report.models.reference}"),
        border_style=colour,
    )


def _gradients(console: Console, report: Report) -> None:
    gradients = report.gradients
    if gradients is None:
        return
    norm = gradients.norm
    norms = captions.gradient_norms(gradients.of, norm.reference, norm.port_with_reference_weights, norm.port)
    _lines(console, "Gradients", [norms, *gradients.said])
    table = tables.gradients(gradients)
    if table is not None:
        console.print(table)


def _cost(report: Report) -> Text:
    probes = report.probes
    bound = None if probes.bound is None else (probes.bound_took, probes.bound)
    return Text(captions.cost(probes.count, probes.passes, probes.kernels_after, bound), style="dim")


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        _section(console, Text(title, style="bold"), *(shown(f"  {line}") for line in lines))


def _section(console: Console, *parts: Text | Table | None) -> None:
    """Draw some parts below a blank line; nothing where the first has nothing to show."""
    if parts[0] is None:
        return
    console.print()
    for part in parts:
        console.print(part)
