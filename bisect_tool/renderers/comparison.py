"""Draw what differs between two captures on a terminal with rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bisect_tool.captures.comparing import Comparison, Row, spelled
from bisect_tool.captures.reader import Capture
from bisect_tool.sentences.spelling import sentence_list

MOST_ROWS = 14
COLOURS = {"equal": "green", "rounding": "green", "off": "red", "shape": "red"}


def draw_comparison(captures: tuple[Capture, Capture], compared: Comparison, rtol: float, console: Console) -> None:
    """Draw a comparison: how many values agree, the first and the largest that are off, a table of the first ones."""
    for letter, capture in zip("AB", captures, strict=True):
        console.print(Text(f"{letter}  {_origin(capture)}", style="dim"))
    style = "bold green" if compared.agrees else "bold red"
    console.print(Text(_head(compared.counts, rtol), style=style))
    for letter, names in (("A", compared.only_a), ("B", compared.only_b)):
        if names:
            console.print(Text(f"only in {letter} ({len(names)}): {sentence_list(names)}"))
    if compared.off:
        console.print(Text(f"first off, in execution order: {_said(compared.off[0])}"))
    if compared.largest is not None:
        console.print(Text(f"largest error: {_said(compared.largest)}"))
    if compared.off:
        console.print()
        console.print(_table(compared.off))


def _origin(capture: Capture) -> str:
    manifest = capture.manifest
    described = manifest.described
    return f"{capture.folder}: {manifest.model} of {manifest.recipe}, {described.framework} {described.version}"


def _head(counts: dict[str, int], rtol: float) -> str:
    return (
        f"{counts['sites']} sites compared ({counts['values']} values): {counts['equal']} equal bit for bit, "
        f"{counts['rounding']} within rounding ({rtol:g}), {counts['off']} off, {counts['shape']} of another shape"
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        title="Off, in execution order", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("site", overflow="fold")
    table.add_column("relative error", overflow="fold")
    shown = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
    for row in shown:
        table.add_row(row.kind, Text(spelled("", row.site, row.path)), Text(_error(row), style=COLOURS[row.verdict]))
    if len(rows) > len(shown):
        table.add_row("", f"... and {len(rows) - len(shown)} more (all of them with --json)")
    return table


def _said(row: Row) -> str:
    return f"{spelled(row.kind, row.site, row.path)}: {_error(row)}"


def _error(row: Row) -> str:
    return row.why if row.error is None else f"{row.error:.3g}"
