"""Draw what differs between two captures on a terminal with rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bisect_tool.captures.comparing import ComparedCaptures, ComparedValue, spelled
from bisect_tool.captures.reader import Capture
from bisect_tool.renderers.tables import MOST_ROWS, titled
from bisect_tool.renderers.words import shown
from bisect_tool.sentences import captions
from bisect_tool.sentences.spelling import sentence_list

COLOURS = {"equal": "green", "rounding": "green", "off": "red", "shape": "red"}


def draw_comparison(
    captures: tuple[Capture, Capture], compared: ComparedCaptures, rtol: float, console: Console
) -> None:
    """Draw a comparison: how many values agree, the first and the largest that are off, a table of the first ones."""
    for letter, capture in zip("AB", captures, strict=True):
        console.print(shown(f"{letter}  {_origin(capture)}", "dim"))
    style = "bold green" if compared.agrees else "bold red"
    console.print(shown(_head(compared.counts, rtol), style))
    for letter, names in (("A", compared.only_a), ("B", compared.only_b)):
        if names:
            console.print(shown(f"only in {letter} ({len(names)}): {sentence_list(names)}"))
    if compared.off:
        console.print(shown(f"first off, in execution order: {_said(compared.off[0])}"))
    if compared.largest is not None:
        console.print(shown(f"largest error: {_said(compared.largest)}"))
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


def _table(rows: Sequence[ComparedValue]) -> Table:
    table = titled("Off, in execution order")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("site", overflow="fold")
    table.add_column("relative error", overflow="fold")
    drawn = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
    for row in drawn:
        table.add_row(row.kind, shown(spelled("", row.site, row.path)), shown(_error(row), COLOURS[row.verdict]))
    if len(rows) > len(drawn):
        table.add_row("", captions.more(len(rows) - len(drawn), where="all of them with --json"))
    return table


def _said(row: ComparedValue) -> str:
    return f"{spelled(row.kind, row.site, row.path)}: {_error(row)}"


def _error(row: ComparedValue) -> str:
    return row.why if row.error is None else f"{row.error:.3g}"
