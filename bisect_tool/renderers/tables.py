"""The tables of a drawn report: targets, what differs before any run, who gets a gradient, probes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from bisect_tool.renderers.words import shown
from bisect_tool.report.data import Report
from bisect_tool.report.parts import GradientCounts, GradientData, ProbeRow, Probes
from bisect_tool.sentences import captions
from bisect_tool.sentences.spelling import amount, heading, number

COLOURS = {"agrees": "green", "diverges": "red", "unresolved": "yellow"}
MOST_ROWS = 14
MOST_WIDE = 22  # of a column of values: any number, and a heading in few lines


def targets(report: Report) -> Table:
    """Return every target on both sides."""
    table = titled("Targets")
    table.add_column("")
    for side in ("reference", "port, reference's weights", "port, own weights"):
        table.add_column(side, justify="right")
    for name, row in report.targets.items():
        values = (row.reference, row.port_with_reference_weights, row.port)
        table.add_row(shown(name), *map(number, values), style="bold" if name == report.target else "dim")
    return table


def ranges(report: Report) -> Iterator[Text]:
    """Return where the target may lie, a line for each question."""
    for name, asked in report.questions.items():
        if asked.origin is not None:
            yield shown(captions.agrees_within(name, asked.low, asked.high, asked.origin), "dim")


def preflight(report: Report) -> Table | None:
    """Return what differs before any run and no culprit says, None where nothing does."""
    said = {finding for culprit in report.culprits for finding in culprit.findings}
    findings = [finding for finding in report.preflight if finding not in said]
    if not findings:
        return None
    table = titled("Differs before any run")
    table.add_column("check", style="dim", no_wrap=True)
    table.add_column("what")
    for finding in findings[:MOST_ROWS]:
        table.add_row(shown(finding.check), shown(finding.message))
    if len(findings) > MOST_ROWS:
        table.add_row("", captions.more(len(findings) - MOST_ROWS, where="all of them with --json"))
    return table


def gradients(found: GradientData) -> Table | None:
    """Return the modules whose parameters do not get the gradients that the reference's get, None where all do."""
    rows = [row for row in found.by_module if not row.same]
    if not rows:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("with its own weights", style="dim")
    for side in ("reference", "port"):
        for kind in GradientCounts.model_fields:
            table.add_column(f"{side}\n{kind}", justify="right")
    for row in rows[:MOST_ROWS]:
        counts = [count for side in (row.reference, row.port) for _, count in side]
        table.add_row(shown(row.module), *(str(count or "-") for count in counts))
    if len(rows) > MOST_ROWS:
        table.add_row(captions.more(len(rows) - MOST_ROWS, "modules"))
    return table


def probes(asked: Probes) -> Table:
    """Return the probes, with a column for each quantity that was looked at; forced passes that only observe share a row."""
    quantities = list(dict.fromkeys(row.quantity for row in asked.log if row.value is not None or row.verdict))
    table = titled("Probes")
    table.add_column("phase", style="dim")
    table.add_column("patched", overflow="fold")
    table.add_column("sites", justify="right")
    for quantity in quantities:
        table.add_column(shown(heading(quantity)), justify="right", max_width=MOST_WIDE, overflow="fold")
    table.add_column("")
    for observe, together in itertools.groupby(asked.log, _only_observes):
        rows = list(together)
        if observe and len(rows) > 1:
            what = captions.forced_passes(len(rows), [row.left or 0 for row in rows])
            table.add_row(shown(rows[0].phase), what, str(max(row.patched for row in rows)))
        else:
            _add_each(table, rows, quantities)
    return table


def _only_observes(row: ProbeRow) -> bool:
    return row.left is not None and row.verdict is None


def _add_each(table: Table, rows: Sequence[ProbeRow], quantities: Sequence[str]) -> None:
    for _, alike in itertools.groupby(rows, key=_cells):
        row, *more = alike
        what = row.what + (f" ({1 + len(more)} times)" if more else "")
        verdict = Text(row.verdict, style=COLOURS[row.verdict]) if row.verdict else ""
        values = [_value(row, quantity) for quantity in quantities]
        table.add_row(shown(row.phase), shown(what), str(row.patched), *values, verdict)


def _cells(row: ProbeRow) -> tuple[object, ...]:
    """Return what a row shows: rows in a row that show the same are one."""
    return row.phase, row.what, row.patched, row.quantity, repr(row.value), row.verdict


def titled(title: str) -> Table:
    """Return an empty table below a title."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))


def _value(row: ProbeRow, quantity: str) -> str:
    """Return what stands in a column: nothing where the probe was not about it, '-' where it gave no value."""
    if row.quantity != quantity or (row.value is None and row.verdict is None):
        return ""
    return amount(quantity, row.value)
