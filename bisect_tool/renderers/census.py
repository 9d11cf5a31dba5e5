"""Draw the parameters and buffers of both sides, module by module, as a table that adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

MOST_ROWS = 20  # beside the total
MOST_TOPS = 10  # more modules of the top than these are drawn only where they differ
Row = Mapping[str, Any]


def census_table(rows: Sequence[Row]) -> Table:
    """Return the table of a report's census; of many rows those that differ most, and the rest in one."""
    kinds = [kind for kind in ("parameters", "buffers") if any(rows[-1][kind].values())]
    table = Table(title="Parameters", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("module", overflow="fold")
    for kind in kinds:
        for heading in (f"{kind}:\nreference", "\nport", "\nmore"):
            table.add_column(heading, justify="right", no_wrap=True)
    *parts, total = rows
    labels, drawn = _labels(parts), _drawn(parts)
    for index in sorted(drawn):
        style = "" if any(parts[index][kind]["difference"] for kind in kinds) else "dim"
        table.add_row(Text(labels[index]), *_cells(parts[index], kinds), style=style)
    rest = _rest(parts, drawn)
    if rest:
        table.add_row(f"{len(rest)} others", *_cells(_summed(rest), kinds), style="dim")
    table.add_row("total", *_cells(total, kinds), style="bold")
    return table


def _cells(row: Row, kinds: Sequence[str]) -> list[str]:
    cells = []
    for kind in kinds:
        more = row[kind]["difference"]
        cells += [f"{row[kind]['reference']:,}", f"{row[kind]['port']:,}", f"{more:+,}" if more else ""]
    return cells


def _labels(rows: Sequence[Row]) -> list[str]:
    """Return what to call each row inside the row that it lies in, with the port's name where that is another one."""
    labels = []
    for row, around in zip(rows, _around(rows), strict=True):
        label = row["name"].rpartition(".")[2]
        outer: Row = rows[around[-1]] if around else {"name": "", "renamed": None}
        if row["row"] == "own":
            label = "(its own)" if around else "(in no module)"
        elif row["renamed"]:
            label += _renamed(label, row["renamed"], outer["renamed"] or outer["name"])
        labels.append("  " * row["depth"] + label)
    return labels


def _renamed(label: str, port_name: str, port_outer: str) -> str:
    """Return what to add to a row's name: nothing where only a row that it lies in has another name in the port."""
    parent, _, last = port_name.rpartition(".")
    if parent != port_outer:
        return f" = {port_name}"
    return "" if last == label else f" = {last}"


def _around(rows: Sequence[Row]) -> list[tuple[int, ...]]:
    """Return for each row which rows it lies in, the outermost first."""
    found: list[tuple[int, ...]] = []
    path: list[int] = []
    for index, row in enumerate(rows):
        del path[row["depth"] :]
        found.append(tuple(path))
        path.append(index)
    return found


def _drawn(rows: Sequence[Row]) -> set[int]:
    """Choose the rows to draw, each with those that it lies in: the top, then those that differ most."""
    if len(rows) <= MOST_ROWS:
        return set(range(len(rows)))
    around = _around(rows)
    few = sum(not row["depth"] for row in rows) <= MOST_TOPS

    def rank(index: int) -> tuple[bool, int, int, int]:
        row = rows[index]
        more = [-abs(row[kind]["difference"]) for kind in ("parameters", "buffers")]
        return row["depth"] > 0 or not few, more[0], more[1], row["depth"]

    chosen: set[int] = set()
    for index in sorted(range(len(rows)), key=rank):
        wanted = chosen | {index, *around[index]}
        if len(wanted) < MOST_ROWS:
            chosen = wanted
    return chosen


def _rest(rows: Sequence[Row], drawn: set[int]) -> list[Row]:
    """Return the rows that no drawn row stands for: a drawn row stands for its parts while none of them is drawn."""
    around = _around(rows)
    opened = {outer for index in drawn for outer in around[index]}
    return [
        row
        for index, row in enumerate(rows)
        if index not in drawn and all(outer in opened for outer in around[index][-1:])
    ]


def _summed(rows: Sequence[Row]) -> Row:
    return {
        kind: {key: sum(row[kind][key] for row in rows) for key in ("reference", "port", "difference")}
        for kind in ("parameters", "buffers")
    }
