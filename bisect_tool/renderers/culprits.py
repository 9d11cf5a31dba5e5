"""Draw one culprit: what is named, what is wrong with it, the line on both sides, the probes that prove it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from bisect_tool.renderers.excerpts import Lines
from bisect_tool.renderers.tables import COLOURS
from bisect_tool.renderers.words import shown
from bisect_tool.report.data import CulpritData, ProofData
from bisect_tool.sentences import captions
from bisect_tool.sentences.spelling import measured

MOST_SITES = 6


def culprit_title(number: int, culprit: CulpritData) -> Text:
    """Return what stands above a culprit."""
    what = "Culprit" if culprit.confirmed else "Suspect"
    return shown(f"{what} {number} ({culprit.kind}, {culprit.status})", "bold")


def culprit_table(culprit: CulpritData) -> Table:
    """Return all that is known of a culprit, a row each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("sites", _sites(culprit))
    for finding in culprit.findings:
        table.add_row(shown(finding.check), shown(finding.message))
    if culprit.line is not None:
        sides = (
            ("reference", culprit.line.reference, culprit.line.reference_marks),
            ("port", culprit.line.port, culprit.line.port_marks),
        )
        for side, excerpt, marks in sides:
            if excerpt is not None:
                table.add_row(side, Lines(excerpt, marks))
    for name, proof in (("sufficient", culprit.sufficient), ("necessary", culprit.necessary)):
        if proof is not None:
            table.add_row(name, _proof(proof))
    return table


def _sites(culprit: CulpritData) -> Text:
    drawn = [shown(site) for site in culprit.sites[:MOST_SITES]]
    left = len(culprit.sites) - len(drawn)
    return Text("\n", style="bold").join([*drawn, *([Text(captions.more(left))] if left else [])])


def _proof(proof: ProofData) -> Text:
    value = "" if proof.quantity is None else f": {measured(proof.quantity, proof.value)}"
    # After a quantity's number the verdict is said of that; after words it stands apart.
    apart = "" if value[-1:].isdigit() else ":"
    return shown(f"{proof.what}{value}{apart} ").append(proof.verdict, style=COLOURS[proof.verdict])
