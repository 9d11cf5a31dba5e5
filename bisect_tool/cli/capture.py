"""``bisect capture``: record one run of the reference."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bisect_tool.captures.changed import other_recipe
from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.owned import check_replaceable, whole_or_absent
from bisect_tool.captures.reader import Capture
from bisect_tool.captures.writer import seal_manifest
from bisect_tool.cli import common, screen
from bisect_tool.cli.progress import Progress
from bisect_tool.errors import BisectError, ModelError
from bisect_tool.recipes.load import Recipe
from bisect_tool.report.saved import plain_data
from bisect_tool.sentences import limits
from bisect_tool.sentences.spelling import listed
from bisect_tool.workers.process import Worker
from bisect_tool.workers.start import ask_of, build_model, start_worker

ABOUT_GRADIENTS = re.compile(r"\b(gradients?|backward)\b")
WITHOUT_GRADIENTS = (
    "record without --grads: every layer is judged on the way forward then, and step by the weights that it leaves"
)

IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="PATTERN", help="Record only matching modules, e.g. 'model.23*'. May be repeated."
    ),
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Leave out matching modules. May be repeated.")
]
SeedsOption = Annotated[
    int,
    typer.Option(
        "--seeds", metavar="N", min=0, max=1000, help="Other initialisations, to measure how far the targets spread."
    ),
]
GradsOption = Annotated[
    bool,
    typer.Option(
        "--grads", help="Record gradients too: of `loss` or `total_loss` if step returns one, else of the sum of all."
    ),
]
GradsOfOption = Annotated[
    str | None,
    typer.Option("--grads-of", metavar="TARGET", help="Record gradients of this target instead of the total loss."),
]


def capture(
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help="Model of the recipe to record.")] = "ref",
    recipe: common.RecipeOption = None,
    captures: common.CapturesOption = Path("captures"),
    option: common.OptionOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    seeds: SeedsOption = 8,
    grads: GradsOption = False,
    grads_of: GradsOfOption = None,
    timeout: common.TimeoutOption = 300.0,
    json_: common.JsonOption = False,
    verbose: common.VerboseOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Record one run of a model: every layer's inputs and outputs, parameters, batch and targets.

    Writes the folder captures/RECIPE/MODEL, whole or not at all. Record the reference once; `bisect run` then compares
    the port with it.
    """
    with common.ending(debug=debug, interrupted="nothing was kept"), Progress(verbose=verbose) as progress:
        loaded = common.open_recipe(recipe)
        options = common.parse_options(option)
        spec = loaded.model(model)
        folder = captures / loaded.name / model
        check_replaceable(folder)
        _check_own(folder, loaded)
        wanted: dict[str, Any] = {"include": include or [], "exclude": exclude or []}
        wanted["grads"] = {"of": grads_of} if grads or grads_of else None
        with _started(loaded, model, timeout, progress) as worker:
            described = build_model(worker, loaded, model, options)
            wanted["seeds"], why = _seeds(seeds, {**spec.options, **options}, described.options)
            progress.phase(f"recording {model}")
            summary = _record(worker, loaded, model, options, folder, wanted)
    with common.ending(debug=debug, interrupted=f"the capture {folder} is whole"):
        _print(summary, Capture.open(folder), wanted["seeds"], why, progress, json_=json_)


def _check_own(folder: Path, recipe: Recipe) -> None:
    """Raise BisectError where the capture that would be replaced is of another recipe that has the same name."""
    try:
        other = other_recipe(Capture.open(folder), recipe)
    except BisectError:  # none, or nothing that anybody could use
        return
    if other is not None:
        raise BisectError(
            f"{folder} is the capture of another recipe with this name, in {other}: it would be replaced",
            hint="choose another place with --captures, or give one of the recipes another name",
        )


@contextlib.contextmanager
def _started(recipe: Recipe, model: str, timeout: float, progress: Progress) -> Iterator[Worker]:
    """Start a model's worker, which ends with the block: killed, where the block fails."""
    spec = recipe.model(model)
    progress.phase(f"starting {model} ({spec.framework})")
    worker = start_worker(
        recipe, spec, silence_limit=timeout, on_event=progress.on_event(model), on_output=progress.on_output(model)
    )
    try:
        yield worker
    except BaseException:
        worker.kill()
        raise
    worker.close()


def _record(
    worker: Worker, recipe: Recipe, model: str, options: dict[str, Any], folder: Path, wanted: dict[str, Any]
) -> dict[str, Any]:
    """Record into a folder that is there whole, or not at all, and return what the worker says of it."""
    with whole_or_absent(folder) as temporary:
        try:
            summary: dict[str, Any] = ask_of(worker, recipe, model, "record", folder=str(temporary.resolve()), **wanted)
        except ModelError as error:
            if wanted["grads"] and not error.hint and ABOUT_GRADIENTS.search(str(error)):
                error.hint = WITHOUT_GRADIENTS
            raise
        if not summary["sites"]:
            left_out = "--include and --exclude left nothing over"
            hint = left_out if wanted["include"] or wanted["exclude"] else "check 'modules' in build"
            raise BisectError("no module call was recorded", hint=hint)
        spec = recipe.model(model).model_dump(mode="json")
        about = {
            "recipe": recipe.name,
            "model": model,
            "model_options": options,
            "include": wanted["include"],
            "exclude": wanted["exclude"],
        }
        seal_manifest(
            temporary, **about, recipe_folder=os.path.relpath(recipe.folder.resolve(), folder.resolve()), spec=spec
        )
        Capture.open(temporary)
    return summary


def _seeds(count: int, options: dict[str, Any], accepted: tuple[str, ...] | None) -> tuple[list[int], str]:
    if "seed" not in options and "seed" not in (accepted or ()):
        return [], (
            "build takes no seed: the spread over initialisations is not known"
            + (" (if it does take one, say so with --option seed=0)" if accepted is None else "")
        )
    first = options.get("seed", 0)
    if not isinstance(first, int):
        return [], "the seed given is no whole number: the spread over initialisations is not known"
    return list(range(first + 1, first + 1 + count)), ""


def _same_at_all_seeds(manifest: Manifest) -> str:
    """Say that no initialisation is another one, where that is so."""
    spread = manifest.spread
    trained = {entry.name: entry.hash for entry in manifest.described.state if entry.kind == "parameter"}
    others = [row.hash for name in trained for row in spread.state.get(name, ())]
    first = [hash_ for name, hash_ in trained.items() for _ in spread.state.get(name, ())]
    if not others or others != first or None in others:
        return ""
    return (
        f"every parameter is the same at all {len(spread.seeds)} other seeds: build ignores its seed, or loads what it starts with; "
        "how far initialisations spread is not known (let build call torch.manual_seed(seed) before it makes the model)"
    )


def _unmeasured(manifest: Manifest) -> str:
    """Say in a line of which calls and targets the rounding is not known, and why."""
    found = manifest.noise.unmeasured
    reasons: dict[str, list[str]] = {}
    for name, reason in (*found.sites.items(), *found.targets.items()):
        reasons.setdefault(reason, []).append(name)
    said = [f"{reason} ({listed(names, 2)})" for reason, names in reasons.items()]
    if not said:
        return ""
    where = [f"{len(found.sites)} of {len(manifest.sites)} calls"] * bool(found.sites)
    where += [f"{len(found.targets)} of {len(manifest.targets)} targets"] * bool(found.targets)
    return f"rounding was not measured against float64 at {' and '.join(where)}: {'; '.join(said)}"


def _print(
    summary: dict[str, Any], done: Capture, seeds: list[int], why: str, progress: Progress, *, json_: bool
) -> None:
    manifest = done.manifest
    if json_:
        data = {"capture": str(done.folder), **summary, "targets": manifest.targets, "seeds": seeds}
        print(json.dumps(plain_data(data), indent=1))
        return
    written, offered = summary["bytes"]["written"], summary["bytes"]["offered"]
    screen.put(
        f"{done.folder}: {summary['sites']} calls of {len(manifest.described.modules)} modules, "
        f"{len(manifest.state)} parameters and buffers, {written / 1e6:.0f} MB "
        f"({(offered - written) / 1e6:.1f} MB of duplicates dropped)"
    )
    for name, value in manifest.targets.items():
        others = [row[name] for row in manifest.spread.targets if name in row]
        spread = f"   over {len(others)} other seeds {min(others):.6g} to {max(others):.6g}" if others else ""
        screen.put(f"  {name} {value:.7g}{spread if math.isfinite(value) else ': it cannot be compared'}")
    for name, reason in manifest.not_scalar.items():
        screen.put(f"  {name} {reason}: it cannot be a target")
    transformed = limits.inside_transforms(manifest.transformed) if manifest.transformed else ""
    for line in filter(None, [why, _same_at_all_seeds(manifest), _unmeasured(manifest), transformed]):
        screen.put(f"  {line}")
    seconds = summary["seconds"]
    progress.note(
        f"{progress.seconds:.1f} s in all; the recorded run took {seconds['hooked']:.2f} s, a plain one {seconds['plain']:.2f} s"
    )
