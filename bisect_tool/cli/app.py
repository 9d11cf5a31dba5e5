"""The ``bisect`` command."""

from __future__ import annotations

from typing import Annotated

import typer

from bisect_tool import __version__
from bisect_tool.cli.capture import capture
from bisect_tool.cli.compare import compare
from bisect_tool.cli.cpp_path import cpp_path
from bisect_tool.cli.doctor import doctor
from bisect_tool.cli.report import report
from bisect_tool.cli.run import run
from bisect_tool.cli.verify import verify

app = typer.Typer(
    name="bisect",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    pretty_exceptions_enable=False,
)
app.command()(capture)
app.command()(run)
app.command()(report)
app.command()(compare)
app.command()(verify)
app.command()(doctor)
app.command("cpp-path")(cpp_path)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"bisect {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find the layer, parameter or line that is wrong in the port of a PyTorch model, and prove it."""
