"""Draw a report on a terminal with rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bisect_tool.renderers.census import census_table

COLOURS = {"agrees": "green", "diverges": "red", "inconclusive": "yellow", "unresolved": "yellow"}
KINDS = ("none", "zero", "tiny", "ordinary")
MOST_SITES = 6
MOST_ROWS = 14


def draw(report: Mapping[str, Any], console: Console) -> None:
    """Draw a report: the verdict, the targets, the culprits with their proofs, the probes, what differs otherwise."""
    colour = COLOURS[report["verdict"]]
    title = f"{report['recipe']}: {report['models']['port']} against {report['models']['reference']}"
    console.print(
        Panel(
            Text(report["sentence"]),
            title=f"[bold {colour}]{report['verdict'].upper()}[/]",
            subtitle=title,
            border_style=colour,
        )
    )
    console.print(_targets(report))
    target = report["target"] or next(iter(report["targets"]))  # without one the probes show the first
    for number, culprit in enumerate(report["culprits"], 1):
        _culprit(number, culprit, target, console)
    _lines(console, "Ruled out", report["ruled_out"])
    _lines(console, "Not settled", report["open_ends"])
    shown = {finding["message"] for culprit in report["culprits"] for finding in culprit["findings"]}
    _preflight([finding for finding in report["preflight"] if finding["message"] not in shown], console)
    if report.get("census"):  # reports saved before there was one are drawn too
        console.print()
        console.print(census_table(report["census"]))
    if report.get("gradients"):
        _gradients(report["gradients"], console)
    _lines(console, "Sizes", report.get("sizes", []))  # reports saved before there were any are drawn too
    _probes(report["probes"], target, console)
    _lines(console, "Notes", report["notes"])


def _targets(report: Mapping[str, Any]) -> Table:
    table = Table(title="Targets", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("reference", "port, reference's weights", "port, own weights"):
        table.add_column(heading, justify="right")
    for name, row in report["targets"].items():
        style = "bold" if name == report["target"] else "dim"
        table.add_row(
            name,
            _number(row["reference"]),
            _number(row["port_with_reference_weights"]),
            _number(row["port"]),
            style=style,
        )
    for key, label in (("code", "agrees within (reference's weights)"), ("start", "agrees within (own weights)")):
        question = report["questions"].get(key, {})
        if "low" in question:
            table.caption = (f"{table.caption}\n" if table.caption else "") + (
                f"{label}: {_number(question['low'])} to {_number(question['high'])} ({question['origin']})"
            )
    table.caption_justify = "left"
    return table


def _culprit(number: int, culprit: Mapping[str, Any], target: str, console: Console) -> None:
    sites = culprit["sites"]
    shown = "\n".join(sites[:MOST_SITES]) + (
        f"\n... and {len(sites) - MOST_SITES} more" if len(sites) > MOST_SITES else ""
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("sites", Text(shown, style="bold"))
    for finding in culprit["findings"]:
        table.add_row(finding["check"], Text(finding["message"]))
    line = culprit.get("line") or {}  # reports saved before there were any are drawn too
    for side in ("reference", "port"):
        if line.get(side) is not None:
            table.add_row(side, _excerpt(line[side]))
    for name in ("sufficient", "necessary"):
        proof = culprit[name]
        if proof is not None:
            shown = f": {target} {_number(proof['value'])}" if proof["value"] is not None else ""
            line = Text(f"{proof['what']}{shown} ")
            line.append(proof["verdict"], style=COLOURS[proof["verdict"]])
            table.add_row(name, line)
    state = "proved by two probes" if culprit["confirmed"] else "NOT proved"
    if culprit["confirmed"] and (culprit["sufficient"] is None or (culprit["kind"] == "code" and not culprit["felt"])):
        state = "proved"
    console.print()
    console.print(Text(f"Culprit {number} ({culprit['kind']}, {state})", style="bold"))
    console.print(table)


def _excerpt(excerpt: Mapping[str, Any]) -> Text:
    text = Text(excerpt["file"], style="dim")
    for number, line in enumerate(excerpt["text"], excerpt["first"]):
        mine = number == excerpt["line"]
        text.append(f"\n{'>' if mine else ' '} {number:4d}  {line}", style="bold" if mine else "dim")
    return text


def _preflight(findings: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not findings:
        return
    table = Table(
        title="Differs before any run", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("check", style="dim", no_wrap=True)
    table.add_column("what")
    for finding in findings[:MOST_ROWS]:
        table.add_row(finding["check"], Text(finding["message"]))
    if len(findings) > MOST_ROWS:
        table.add_row("", f"... and {len(findings) - MOST_ROWS} more (all of them with --json)")
    console.print()
    console.print(table)


def _gradients(gradients: Mapping[str, Any], console: Console) -> None:
    """Draw who gets a gradient: what is said of it, and the modules whose parameters fare otherwise than the reference's."""
    norm = gradients["norm"]
    of = " + ".join(gradients["of"])
    norms = (
        f"the norm of all, of {of}: reference {_number(norm['reference'])}; port {_number(norm['port_with_reference_weights'])} "
        f"with the reference's weights, {_number(norm['port'])} with its own"
    )
    _lines(console, "Gradients", [norms, *gradients["said"]])
    rows = [row for row in gradients["by_module"] if not row["same"]]
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("with its own weights", style="dim")
    for side in ("reference", "port"):
        for kind in KINDS:
            table.add_column(f"{side}\n{kind}", justify="right")
    for row in rows[:MOST_ROWS]:
        table.add_row(row["module"], *(str(row[side][kind] or "-") for side in ("reference", "port") for kind in KINDS))
    if len(rows) > MOST_ROWS:
        table.add_row(f"... and {len(rows) - MOST_ROWS} more modules")
    console.print(table)


def _probes(probes: Mapping[str, Any], target: str, console: Console) -> None:
    table = Table(title="Probes", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("phase", style="dim")
    table.add_column("patched", overflow="fold")
    table.add_column("sites", justify="right")
    table.add_column(target, justify="right")
    table.add_column("")
    for row in probes["log"]:
        table.add_row(
            row["phase"],
            Text(row["what"]),
            str(row["patched"]),
            _number(row["value"]),
            Text(row["verdict"], style=COLOURS[row["verdict"]]),
        )
    console.print()
    console.print(table)
    cuts = f"{probes['search']} for cuts among {probes['sites']} sites (limit {probes['search_limit']})"
    cost = (
        f"the search cost {probes['search_passes']:.1f} forward passes of the port, all together {probes['passes']:.1f}"
    )
    console.print(f"{probes['count']} probes, {cuts}, {probes['values']} for parameters; {cost}", style="dim")
    if probes["kernels_after"] is not None:
        console.print(f"kernels that only later runs needed: {probes['kernels_after']}", style="dim")


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Text(f"  {line}"))


def _number(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.7g}"
