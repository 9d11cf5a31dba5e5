"""Draw a report on a terminal with rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bisect_tool.captures.manifest import Excerpt
from bisect_tool.renderers.census import census_table
from bisect_tool.report.data import CulpritData, FindingData, GradientData, Probes, ProofData, Report

COLOURS = {"agrees": "green", "diverges": "red", "inconclusive": "yellow", "unresolved": "yellow"}
KINDS = ("none", "zero", "tiny", "ordinary")
RANGES = {"code": "agrees within (reference's weights)", "start": "agrees within (own weights)"}
MOST_SITES = 6
MOST_ROWS = 14


def draw(report: Report, console: Console) -> None:
    """Draw a report: the verdict, the targets, the culprits with their proofs, the probes, what differs otherwise."""
    colour = COLOURS[report.verdict]
    title = f"{report.recipe}: {report.models.port} against {report.models.reference}"
    console.print(
        Panel(
            Text(report.sentence),
            title=f"[bold {colour}]{report.verdict.upper()}[/]",
            subtitle=title,
            border_style=colour,
        )
    )
    console.print(_targets(report))
    target = report.target or next(iter(report.targets))  # without one the probes show the first
    for number, culprit in enumerate(report.culprits, 1):
        _culprit(number, culprit, console)
    _lines(console, "Ruled out", report.ruled_out)
    _lines(console, "Not settled", report.open_ends)
    shown = {finding.message for culprit in report.culprits for finding in culprit.findings}
    _preflight([finding for finding in report.preflight if finding.message not in shown], console)
    if report.census:
        console.print()
        console.print(census_table([row.model_dump() for row in report.census]))
    if report.gradients is not None:
        _gradients(report.gradients, console)
    _lines(console, "Sizes", report.sizes)
    _probes(report.probes, target, console)
    _lines(console, "Notes", report.notes)


def _targets(report: Report) -> Table:
    table = Table(title="Targets", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("reference", "port, reference's weights", "port, own weights"):
        table.add_column(heading, justify="right")
    for name, row in report.targets.items():
        style = "bold" if name == report.target else "dim"
        table.add_row(
            name,
            _number(row.reference),
            _number(row.port_with_reference_weights),
            _number(row.port),
            style=style,
        )
    for key, question in report.questions.items():
        if question.origin is not None:
            label = RANGES[key]
            table.caption = (f"{table.caption}\n" if table.caption else "") + (
                f"{label}: {_number(question.low)} to {_number(question.high)} ({question.origin})"
            )
    table.caption_justify = "left"
    return table


def _culprit(number: int, culprit: CulpritData, console: Console) -> None:
    sites = culprit.sites
    shown = "\n".join(sites[:MOST_SITES]) + (
        f"\n... and {len(sites) - MOST_SITES} more" if len(sites) > MOST_SITES else ""
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("sites", Text(shown, style="bold"))
    for finding in culprit.findings:
        table.add_row(finding.check, Text(finding.message))
    for side, excerpt in (("reference", culprit.line.reference), ("port", culprit.line.port)) if culprit.line else ():
        if excerpt is not None:
            table.add_row(side, _excerpt(excerpt))
    for name, proof in (("sufficient", culprit.sufficient), ("necessary", culprit.necessary)):
        if proof is not None:
            table.add_row(name, _proof(proof))
    console.print()
    console.print(Text(f"Culprit {number} ({culprit.kind}, {culprit.status})", style="bold"))
    console.print(table)


def _proof(proof: ProofData) -> Text:
    shown = "" if proof.quantity is None else f": {proof.quantity} {_number(proof.value)}"
    text = Text(f"{proof.what}{shown} ")
    text.append(proof.verdict, style=COLOURS[proof.verdict])
    return text


def _excerpt(excerpt: Excerpt) -> Text:
    text = Text(excerpt.file, style="dim")
    for number, line in enumerate(excerpt.text, excerpt.first):
        mine = number == excerpt.line
        text.append(f"\n{'>' if mine else ' '} {number:4d}  {line}", style="bold" if mine else "dim")
    return text


def _preflight(findings: Sequence[FindingData], console: Console) -> None:
    if not findings:
        return
    table = Table(
        title="Differs before any run", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("check", style="dim", no_wrap=True)
    table.add_column("what")
    for finding in findings[:MOST_ROWS]:
        table.add_row(finding.check, Text(finding.message))
    if len(findings) > MOST_ROWS:
        table.add_row("", f"... and {len(findings) - MOST_ROWS} more (all of them with --json)")
    console.print()
    console.print(table)


def _gradients(gradients: GradientData, console: Console) -> None:
    """Draw who gets a gradient: what is said of it, and the modules whose parameters fare otherwise than the reference's."""
    norm = gradients.norm
    of = " + ".join(gradients.of)
    norms = (
        f"the norm of all, of {of}: reference {_number(norm.reference)}; port {_number(norm.port_with_reference_weights)} "
        f"with the reference's weights, {_number(norm.port)} with its own"
    )
    _lines(console, "Gradients", [norms, *gradients.said])
    rows = [row for row in gradients.by_module if not row.same]
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("with its own weights", style="dim")
    for side in ("reference", "port"):
        for kind in KINDS:
            table.add_column(f"{side}\n{kind}", justify="right")
    for row in rows[:MOST_ROWS]:
        table.add_row(
            row.module, *(str(getattr(side, kind) or "-") for side in (row.reference, row.port) for kind in KINDS)
        )
    if len(rows) > MOST_ROWS:
        table.add_row(f"... and {len(rows) - MOST_ROWS} more modules")
    console.print(table)


def _probes(probes: Probes, target: str, console: Console) -> None:
    table = Table(title="Probes", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("phase", style="dim")
    table.add_column("patched", overflow="fold")
    table.add_column("sites", justify="right")
    table.add_column(target, justify="right")
    table.add_column("")
    for row in probes.log:
        table.add_row(
            row.phase,
            Text(row.what),
            str(row.patched),
            _number(row.value),
            Text(row.verdict, style=COLOURS[row.verdict]) if row.verdict else "",
        )
    console.print()
    console.print(table)
    cuts = f"{probes.search} for cuts among {probes.sites} sites (limit {probes.search_limit})"
    cost = f"the search cost {probes.search_passes:.1f} forward passes of the port, all together {probes.passes:.1f}"
    console.print(f"{probes.count} probes, {cuts}, {probes.values} for parameters; {cost}", style="dim")
    if probes.kernels_after is not None:
        console.print(f"kernels that only later runs needed: {probes.kernels_after}", style="dim")


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            console.print(Text(f"  {line}"))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.7g}"
