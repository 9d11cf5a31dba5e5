"""Draw the parameters and buffers of both sides, module by module, as a table that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.table import Table

from bisect_tool.renderers.tables import titled
from bisect_tool.renderers.words import shown
from bisect_tool.report.parts import CensusRow, Counts
from bisect_tool.sentences.spelling import counted

MOST_ROWS = 20  # beside the total
MOST_TOPS = 10  # more modules of the top than these are drawn only where they differ
Kind = Literal["parameters", "buffers"]
KINDS: tuple[Kind, ...] = ("parameters", "buffers")


def census_table(rows: Sequence[CensusRow]) -> Table | None:
    """Return the table of a report's census, None where it has none; of many rows those that differ most, and the rest in one."""
    if not rows:
        return None
    *parts, total = rows
    kinds = [kind for kind in KINDS if _counts(total, kind) != Counts(reference=0, port=0, difference=0)]
    table = titled("Parameters")
    table.add_column("module", overflow="fold")
    for kind in kinds:
        for heading in (f"{kind}:\nreference", "\nport", "\nmore"):
            table.add_column(heading, justify="right", no_wrap=True)
    labels, drawn = _labels(parts), _drawn(parts)
    for index in sorted(drawn):
        counts = [_counts(parts[index], kind) for kind in kinds]
        style = "" if any(count.difference for count in counts) else "dim"
        table.add_row(shown(labels[index]), *_cells(counts), style=style)
    rest = _rest(parts, drawn)
    if rest:
        table.add_row(counted(len(rest), "other"), *_cells([_sum(rest, kind) for kind in kinds]), style="dim")
    table.add_row("total", *_cells([_counts(total, kind) for kind in kinds]), style="bold")
    return table


def _counts(row: CensusRow, kind: Kind) -> Counts:
    return row.parameters if kind == "parameters" else row.buffers


def _cells(counts: Sequence[Counts]) -> list[str]:
    cells = []
    for count in counts:
        cells += [f"{count.reference:,}", f"{count.port:,}", f"{count.difference:+,}" if count.difference else ""]
    return cells


def _labels(rows: Sequence[CensusRow]) -> list[str]:
    """Return what to call each row inside the row that it lies in, with the port's name where that is another one."""
    labels = []
    for row, around in zip(rows, _around(rows), strict=True):
        label = row.name.rpartition(".")[2]
        if row.row == "own":
            label = "(its own)" if around else "(in no module)"
        elif row.renamed:
            outer = rows[around[-1]] if around else None
            label += _renamed(label, row.renamed, (outer.renamed or outer.name) if outer else "")
        labels.append("  " * row.depth + label)
    return labels


def _renamed(label: str, port_name: str, port_outer: str) -> str:
    """Return what to add to a row's name: nothing where only a row that it lies in has another name in the port."""
    parent, _, last = port_name.rpartition(".")
    if parent != port_outer:
        return f" = {port_name}"
    return "" if last == label else f" = {last}"


def _around(rows: Sequence[CensusRow]) -> list[tuple[int, ...]]:
    """Return for each row which rows it lies in, the outermost first."""
    found: list[tuple[int, ...]] = []
    path: list[int] = []
    for index, row in enumerate(rows):
        del path[row.depth :]
        found.append(tuple(path))
        path.append(index)
    return found


def _drawn(rows: Sequence[CensusRow]) -> set[int]:
    """Choose the rows to draw, each with those that it lies in: the top, then those that differ most."""
    if len(rows) <= MOST_ROWS:
        return set(range(len(rows)))
    around = _around(rows)
    few = sum(not row.depth for row in rows) <= MOST_TOPS

    def rank(index: int) -> tuple[bool, int, int, int]:
        row = rows[index]
        more = [-abs(_counts(row, kind).difference) for kind in KINDS]
        return row.depth > 0 or not few, more[0], more[1], row.depth

    chosen: set[int] = set()
    for index in sorted(range(len(rows)), key=rank):
        wanted = chosen | {index, *around[index]}
        if len(wanted) < MOST_ROWS:
            chosen = wanted
    return chosen


def _rest(rows: Sequence[CensusRow], drawn: set[int]) -> list[CensusRow]:
    """Return the rows that no drawn row stands for: a drawn row stands for its parts while none of them is drawn."""
    around = _around(rows)
    opened = {outer for index in drawn for outer in around[index]}
    return [
        row
        for index, row in enumerate(rows)
        if index not in drawn and all(outer in opened for outer in around[index][-1:])
    ]


def _sum(rows: Sequence[CensusRow], kind: Kind) -> Counts:
    counts = [_counts(row, kind) for row in rows]
    return Counts.model_construct(
        reference=sum(count.reference for count in counts),
        port=sum(count.port for count in counts),
        difference=sum(count.difference for count in counts),
    )
