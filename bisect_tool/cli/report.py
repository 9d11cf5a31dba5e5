"""``bisect report``: draw a saved report again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bisect_tool.cli import common, screen
from bisect_tool.renderers import text
from bisect_tool.renderers.renderer import Render
from bisect_tool.report.data import Report
from bisect_tool.report.saved import as_json, load_report


def report(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A report that `bisect run` saved.")],
    json_: common.JsonOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Draw a saved report again.

    Exit codes: as the run's (0 the port agrees, 1 a culprit was found, 3 inconclusive), or 2 if the file is no report of this
    version.
    """
    with common.ending(debug=debug, interrupted="nothing was changed"):
        loaded = load_report(file)
        print_report(loaded, json_=json_)
    raise typer.Exit(loaded.exit_code)


def print_report(report: Report, *, json_: bool, render: Render = text.draw) -> None:
    """Print a report, drawn or as JSON: all of it, or nothing where drawing fails."""
    if json_:
        print(as_json(report))
        return
    console = screen.console()
    with console.capture() as drawn:
        render(report, console)
    sys.stdout.write(drawn.get())
