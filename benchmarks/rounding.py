"""How far honest calls and faulty calls are off by themselves: what the forced pass has to tell apart.

    python benchmarks/rounding.py [RECIPE ...]

Computes every call of the faithful port from the reference's inputs, in float32 and in float64, for three batches at
two image sizes, and prints how far the calls of each class are off. Then switches on each fault of kind "code" and
prints how far the calls at fault are off, and what lies between the largest honest and the smallest faulty error.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rounding_measured import BATCHES, INPUTS, OUTPUT, SIZES, Measured, Row, measure


def main() -> None:
    """Measure and print the tables of the recipes that were named, or of both."""
    measured = {name: measure(name) for name in sys.argv[1:] or SIZES}
    console = Console(width=120, highlight=False, soft_wrap=True)
    for name, found in measured.items():
        show(console, name, found)


def show(console: Console, name: str, found: Measured) -> None:
    """Print one recipe's two tables and what lies between them."""
    sizes = " and ".join(str(size) for size in SIZES[name])
    console.print(f"\n{name}, faithful port, {len(BATCHES)} batches at {sizes} px\n")
    console.print(honest_table(found.honest))
    console.print(f"\n{name}, each fault of a call, batch 0\n")
    console.print(faulty_table(found))
    console.print()
    for line in gap_lines(found):
        console.print(line)


def honest_table(rows: list[Row]) -> Table:
    """Return one line per class of module, the largest error last; classes that are never off are one line."""
    headings = ("class", "calls", "f32 median", "f32 max", "f64 max", "not in f64", "reference max", "floors")
    table = new_table(headings)
    groups = defaultdict(list)
    off = {row.kind for row in rows if row.own.error}
    same = f"{len({row.kind for row in rows} - off)} others"
    for row in rows:
        groups[row.kind if row.kind in off else same].append(row)
    for kind, group in sorted(groups.items(), key=lambda item: max(r.own.error for r in item[1])):
        errors = [row.own.error for row in group]
        exact = exact_of(group)
        table.add_row(
            kind,
            str(len(group)),
            f"{statistics.median(errors):.1e}",
            f"{max(errors):.1e}",
            f"{max(exact):.1e}" if exact else "-",
            str(len(group) - len(exact)),
            f"{max(row.reference for row in group):.1e}",
            f"{max(row.share for row in group):.2f}",
        )
    return table


def faulty_table(found: Measured) -> Table:
    """Return one line per fault, and per what shows it: its calls' outputs, or what they hand to calls inside them.

    "floors" is the smallest share, "others" what is suspected besides, "free run" how many calls are off by more than
    any honest one where nothing is replaced.
    """
    headings = (
        "fault", "calls", "by", "f32 min", "f32 max", "f64 min", "f64 max", "floors", "others", "free run",
    )  # fmt: skip
    table = new_table(headings)
    most = max(row.own.error for row in found.free)
    for fault, where, group in by_fault(found):
        errors, exact = [row.own.error for row in group], exact_of(group)
        table.add_row(
            fault,
            str(len(group)),
            where,
            worded(min(errors)),
            worded(max(errors)),
            worded(min(exact)) if exact else "-",
            worded(max(exact)) if exact else "-",
            worded(min(row.share for row in group)),
            str(len(found.extra[fault])),
            f"{sum(error > most for error in found.off[fault])} of {len(found.off[fault])}",
        )
    return table


def by_fault(found: Measured) -> Iterator[tuple[str, str, list[Row]]]:
    """Yield (fault, what shows it, calls)."""
    for fault, rows in found.faulty.items():
        for where in (OUTPUT, INPUTS):
            group = [row for row in rows if row.where == where]
            if group:
                yield fault, where, group


def gap_lines(found: Measured) -> Iterator[str]:
    """Yield the largest honest and the smallest faulty error, and their ratio, in three ways of measuring."""
    faulty = [(fault, row) for fault, rows in found.faulty.items() for row in rows if row.where == OUTPUT]
    for words, value in (
        ("float32", lambda row: row.own.error),
        ("float64", lambda row: -1.0 if row.own.exact is None else row.own.exact),
        ("the smaller of both, in floors", lambda row: row.share),
    ):
        honest = max(found.honest, key=value)
        of_faults = [pair for pair in faulty if value(pair[1]) >= 0]
        fault, least = min(of_faults, key=lambda pair, value=value: value(pair[1]))
        ratio = value(least) / value(honest)
        yield (
            f"{words}: honest at most {value(honest):.2g} ({honest.site}), "
            f"faulty at least {value(least):.2g} ({fault}, {least.site}): {ratio:.2g} times"
        )
    yield from _of_inputs(found)
    yield from _of_all(found)


def _of_inputs(found: Measured) -> Iterator[str]:
    handed = [
        (row.own.error, fault, row) for fault, rows in found.faulty.items() for row in rows if row.where == INPUTS
    ]
    yield f"inputs of a call, from perfect values around it: honest at most {max(found.inputs):.1e}"
    if handed:
        error, fault, row = min(handed, key=lambda item: item[0])
        yield f"and faulty at least {error:.1e} ({fault}, {row.site}): {error / max(found.inputs):.2g} times"


def _of_all(found: Measured) -> Iterator[str]:
    free = max(found.free, key=lambda row: row.own.error)
    above = sum(row.own.error > row.own.floor for row in found.free)
    yield (
        f"where nothing is replaced: honest at most {free.own.error:.1e} ({free.site}), "
        f"{above} of {len(found.free)} calls above their floor"
    )
    suspects = sum(row.share > 1 for row in found.honest)
    above = sum(row.own.error > row.own.floor for row in found.honest)
    yield f"of {len(found.honest)} honest calls {above} are above their floor in float32, and {suspects} are suspect"
    missed = [f"{fault} {row.site}" for fault, rows in found.faulty.items() for row in rows if not row.share > 1]
    yield f"calls at fault that are not suspect: {', '.join(missed) or 'none'}"


def exact_of(rows: Iterable[Row]) -> list[float]:
    """Return the errors in float64 of the calls that run in it."""
    return [row.own.exact for row in rows if row.own.exact is not None]


def worded(error: float) -> str:
    """Return an error in two digits, or that the shapes differ."""
    return "shape" if error == float("inf") else f"{error:.2g}"


def new_table(headings: Iterable[str]) -> Table:
    """Return an empty table whose numbers are to the right."""
    table = Table(box=None, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    return table


if __name__ == "__main__":
    main()
