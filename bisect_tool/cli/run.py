"""``bisect run``: find what makes a target of the port diverge."""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bisect_tool import session
from bisect_tool.captures.again import record_command
from bisect_tool.captures.changed import changes_since
from bisect_tool.captures.reader import Capture
from bisect_tool.cli import common
from bisect_tool.cli.beforehand import beforehand
from bisect_tool.cli.interrupt import Interrupt
from bisect_tool.cli.progress import Progress
from bisect_tool.cli.report import print_report
from bisect_tool.opening import check_belongs, open_port
from bisect_tool.pairing.pair import Pair
from bisect_tool.probes.port import WorkerPort
from bisect_tool.questions.log import LoggedProbe
from bisect_tool.questions.ranges import Tolerance
from bisect_tool.recipes.load import Recipe
from bisect_tool.recipes.options import as_words
from bisect_tool.report.data import Report
from bisect_tool.report.parts import Probes
from bisect_tool.report.saved import save_report
from bisect_tool.sentences import captions

KEPT = "the probes so far are kept; run the same command to go on"
NONE_KEPT = "no probe was run yet; run the same command again"
LONGEST = 50  # characters of a report's name that are its target's: a file's name has 255 bytes at most

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="What to explain: a scalar that step returns, e.g. cls_loss; or grad_norm, or grad:PARAMETER. "
        "Without it, every layer is checked by itself.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", metavar="MODEL", help="The port to check.")]
ReferenceOption = Annotated[
    str, typer.Option("--reference", metavar="MODEL", help="The captured model to compare with.")
]
RtolOption = Annotated[
    float | None,
    typer.Option(
        "--rtol",
        min=0.0,
        callback=common.finite,
        metavar="X",
        help="Relative tolerance of the target, instead of the measured one.",
    ),
]

TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        min=0.0,
        callback=common.finite,
        metavar="SECONDS",
        help="End the search after so long, and report what is known by then; starting the port does not count. "
        "The same command goes on from there.",
    ),
]
RepeatOption = Annotated[
    int,
    typer.Option(
        "--repeat",
        min=0,
        max=10_000,
        metavar="N",
        help="Run the port as it is N times more (its gradients too, if the capture has them): what is wrong one time in "
        "sixteen passes two runs, and differs from itself in a hundred.",
    ),
]


def run(
    target: TargetOption = None,
    model: ModelOption = "port",
    reference: ReferenceOption = "ref",
    recipe: common.RecipeOption = None,
    captures: common.CapturesOption = Path("captures"),
    option: common.OptionOption = None,
    rtol: RtolOption = None,
    time_limit: TimeLimitOption = None,
    repeat: RepeatOption = 0,
    timeout: common.TimeoutOption = 300.0,
    json_: common.JsonOption = False,
    verbose: common.VerboseOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Find the smallest part of the port that makes a target diverge, and prove it.

    Without --target, every layer is checked by itself, given the reference's inputs and weights. If the capture has
    gradients (`bisect capture --grads`), so is every layer's backward pass.

    Exit codes: 0 the port agrees, 1 a culprit was found, 2 mistake in the recipe or the command, 3 inconclusive,
    130 interrupted (another signal: 128 and its number). Ctrl-C during the search ends it with a report of what is known so
    far; once more ends at once. Run an interrupted command again, and it goes on from there.
    """
    rows: list[LoggedProbe] = []
    with (
        common.ending(debug=debug, interrupted=lambda: KEPT if rows else NONE_KEPT),
        Progress(verbose=verbose) as progress,
    ):
        loaded = common.open_recipe(recipe)
        options = common.parse_options(option)
        home = captures / loaded.name
        capture = _captured(loaded, home, model, reference)
        changes = changes_since(capture, loaded)
        for words in changes:
            progress.note(f"{capture.folder}: {words}")
        search = partial(
            session.bisect,
            target=target,
            tolerance=_tolerance(loaded, target, rtol),
            time_limit=time_limit,
            repeat=repeat,
        )
        told = progress.listener(model, timeout)
        with open_port(loaded, capture, model=model, options=options, probes=home / "probes", listener=told) as port:
            again = partial(open_port, model=reference, options=capture.manifest.model_options, probes=home / "probes")
            with Interrupt(progress.note) as interrupt:
                found = search(
                    port,
                    capture,
                    listening=_listening(progress, interrupt, rows, debug=debug),
                    reference=lambda: again(loaded, capture, listener=progress.listener(reference, timeout)),
                )
            report = _completed(found, port, options, changes)
        path = _saved(report, home / "reports", model, target, reference, rtol)
    _print(report, path, progress, interrupt, json_=json_, debug=debug)
    raise typer.Exit(report.exit_code)


def _captured(recipe: Recipe, home: Path, model: str, reference: str) -> Capture:
    """Open the capture of the reference, if the recipe has it and the port."""
    for name in (model, reference):
        recipe.model(name)
    record = record_command(home / reference, recipe.name, reference, recipe_folder=recipe.folder)
    capture = Capture.open(home / reference, f"record one with `{record}`")
    check_belongs(capture, recipe, reference)
    return capture


def _completed(report: Report, port: WorkerPort, options: dict[str, Any], changes: list[str]) -> Report:
    """Add the options of the port, how many probes were kept from earlier runs, and what the capture no longer fits."""
    cached = sum(kept for _, _, kept in port.asked)
    probes = report.probes.model_copy(update={"cached": cached})
    return report.model_copy(update={"probes": probes, "options": options, "notes": (*changes, *report.notes)})


def _print(report: Report, path: Path, progress: Progress, interrupt: Interrupt, *, json_: bool, debug: bool) -> None:
    """Print the report, and where it is kept; a search that Ctrl-C ended ends so."""
    kept = KEPT if interrupt.heeded else f"the report is kept: `bisect report {path}`"
    with common.ending(debug=debug, interrupted=kept):
        try:
            print_report(report, json_=json_)
            progress.note(f"{progress.seconds:.1f} s; {_kept(report.probes)}; saved as {path}")
        finally:
            interrupt.check()  # also where the terminal is gone, and takes no report


def _saved(report: Report, folder: Path, model: str, target: str | None, reference: str, rtol: float | None) -> Path:
    """Save a report under the name of its model and target, and a digest of all else that was asked: none takes another's place.

    A target may be a path, and long: then the digest tells it, too.
    """
    asked = [model, target, reference, rtol, as_words(report.options)]
    name = "all" if target is None else re.sub(r"[^\w.+]", "-", target)[-LONGEST:]
    plain = asked == [model, None if target is None else name, "ref", None, "{}"]
    if not plain or "-" in model or target == "all":
        name += "-" + hashlib.blake2b(json.dumps(asked).encode(), digest_size=4).hexdigest()
    path = folder / f"{model}-{name}.json"
    save_report(report, path)
    return path


def _kept(probes: Probes) -> str:
    return f"{probes.cached} of {probes.count} probes were kept from earlier runs"


def _tolerance(recipe: Recipe, target: str | None, rtol: float | None) -> Tolerance:
    spec = recipe.targets.get(target) if target is not None else None
    if rtol is not None:
        return Tolerance(rtol=rtol)
    return Tolerance(spec.rtol, spec.atol) if spec else Tolerance()


def _listening(progress: Progress, interrupt: Interrupt, rows: list[LoggedProbe], *, debug: bool) -> session.Listening:
    """Return who is told what the search does; ``debug``: the traceback of a probe that fails is shown too. ``rows`` gets each probe."""

    def show(row: LoggedProbe) -> None:
        rows.append(row)
        progress.phase(f"probe {len(rows)}, {row.phase}: {row.what}: {row.verdict.value if row.verdict else 'done'}")

        if debug and row.detail:
            progress.note(row.detail)

    def before(pair: Pair) -> None:
        for line in beforehand(pair):
            progress.note(line)

    return session.Listening(before, lambda most: progress.note(captions.announced(most)), show, interrupt.wanted)
