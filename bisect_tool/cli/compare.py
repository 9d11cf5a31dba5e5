"""``bisect compare``: say where two captures differ."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bisect_tool.captures.comparing import ComparedCaptures, compare_captures
from bisect_tool.captures.reader import Capture
from bisect_tool.cli import common, screen
from bisect_tool.cli.progress import Progress
from bisect_tool.errors import BisectError
from bisect_tool.pairing.names import renamer
from bisect_tool.questions.tolerance import ROUNDING
from bisect_tool.recipes.find import find_recipe
from bisect_tool.recipes.load import load_recipe
from bisect_tool.renderers.comparison import draw_comparison
from bisect_tool.report.saved import plain_data


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="Folder of the capture to compare with, e.g. captures/yolo11n/ref.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of the other capture.")],
    rtol: Annotated[
        float,
        typer.Option(
            "--rtol",
            min=0.0,
            callback=common.finite,
            metavar="X",
            help="Tolerance: root mean square of the difference, relative to A's value.",
        ),
    ] = ROUNDING,
    json_: common.JsonOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Say where two captures differ: batch, parameters, every layer's output and targets, in A's execution order.

    Names are matched by the rename rules of A's recipe, where that is in sight.

    Exit codes: 0 no difference above the tolerance, 1 something differs or is missing in one of them, 2 one is no capture
    or is damaged.
    """
    with common.ending(debug=debug, interrupted="nothing was changed"), Progress() as progress:
        progress.phase(f"comparing {a} and {b}")
        captures = Capture.open(a.resolve()), Capture.open(b.resolve())
        compared = compare_captures(*captures, rtol, renamer(_rules(captures[0])))
    with common.ending(debug=debug, interrupted="nothing was changed"):
        if json_:
            print(json.dumps(_data(captures, compared, rtol), indent=1))
        else:
            draw_comparison(captures, compared, rtol, screen.console())
    raise typer.Exit(0 if compared.agrees else 1)


def _rules(capture: Capture) -> Sequence[tuple[str, str]]:
    """Return the rename rules of the recipe that a capture is of; none where it is not in sight, or cannot be read."""
    try:
        return load_recipe(find_recipe(capture.manifest.recipe, Path.cwd())).names.rename
    except BisectError:
        return ()


def _data(captures: tuple[Capture, Capture], compared: ComparedCaptures, rtol: float) -> dict[str, object]:
    rows = [dataclasses.asdict(row) for row in compared.rows]
    return plain_data(
        {
            "a": str(captures[0].folder),
            "b": str(captures[1].folder),
            "rtol": rtol,
            "agrees": compared.agrees,
            "counts": compared.counts,
            "only_a": list(compared.only_a),
            "only_b": list(compared.only_b),
            "first_off": next(iter(dataclasses.asdict(row) for row in compared.off), None),
            "largest": None if compared.largest is None else dataclasses.asdict(compared.largest),
            "rows": rows,
        }
    )
