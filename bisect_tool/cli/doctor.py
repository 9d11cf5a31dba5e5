"""``bisect doctor``: say whether every model of the recipe has what it needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from bisect_tool.captures.described import Described
from bisect_tool.cli import common, screen
from bisect_tool.cli.progress import Progress
from bisect_tool.errors import BisectError
from bisect_tool.frameworks import Kernels, known_framework
from bisect_tool.recipes.load import ModelSpec, Recipe
from bisect_tool.renderers.words import shown
from bisect_tool.sentences.spelling import counted, listed
from bisect_tool.workers.failures import Program
from bisect_tool.workers.start import build_model, program_of, start_worker

Row = dict[str, Any]
PYTHON = "Python "  # what an interpreter says first
NOT_ASKED = "not asked: its worker does not announce step"


def doctor(
    recipe: common.RecipeOption = None,
    timeout: common.TimeoutOption = 300.0,
    json_: common.JsonOption = False,
    verbose: common.VerboseOption = False,
    debug: common.DebugOption = False,
) -> None:
    """Check each model of a recipe: interpreter, framework, compiler, cache, build and step.

    Exit codes: 0 all work, 2 something does not: the table says what to do.
    """
    with common.ending(debug=debug, interrupted="nothing was changed"), Progress(verbose=verbose) as progress:
        loaded = common.open_recipe(recipe)
        rows = [row for name in loaded.models for row in _model(loaded, name, timeout, progress)]
    with common.ending(debug=debug, interrupted="nothing was changed"):
        if json_:
            print(json.dumps(rows, indent=1))
        else:
            _draw(rows)
    raise typer.Exit(0 if all(row["ok"] for row in rows) else common.EXIT_USAGE)


def _model(recipe: Recipe, name: str, timeout: float, progress: Progress) -> list[Row]:
    spec = recipe.model(name)
    program = program_of(recipe, spec)
    rows = [_command(name, spec, program) if program.own else _interpreter(name, spec, program.name)]
    if not rows[0]["ok"]:
        return rows
    known = known_framework(spec.framework)
    if known.kernels is not None and not program.own:
        rows += [_compiler(name, spec, known.title, known.kernels), _cache(name, spec, known.kernels)]
    progress.phase(f"starting {name} ({spec.framework})")
    try:
        worker = start_worker(
            recipe, spec, silence_limit=timeout, on_event=progress.on_event(name), on_output=progress.on_output(name)
        )
    except BisectError as error:
        return [*rows, _row(name, spec.framework, error=error)]
    what = "build"
    try:
        described = build_model(worker, recipe, name, {})
        rows.append(_row(name, spec.framework, described.version))
        rows.append(_built(name, described))
        what = "step"
        progress.phase(f"running one step of {name}")
        if "step" not in worker.capabilities:
            rows.append(_row(name, what, NOT_ASKED))
        else:
            reply = worker.ask("step")
            rows.append(_stepped(name, described, reply))
            rows += [_row(name, "calls", words) for words in reply.get("hidden", [])]
    except BisectError as error:
        rows.append(_row(name, what, error=error))
    finally:
        worker.close()
    return rows


def _built(name: str, described: Described) -> Row:
    number = counted(len(described.modules), "module")
    if not described.state:
        error = BisectError(
            f"no parameter and no buffer in any of its modules ({number}): nothing of the other side's can be given to it",
            hint="return under `modules` the modules that hold them, and register what they keep in plain lists",
        )
        return _row(name, "build", error=error)
    held = [module.name for module in described.modules if module.held]
    more = f"; called by step, though not returned: {listed(held)}" if held else ""
    return _row(name, "build", f"{number}, {len(described.state)} parameters and buffers{more}")


def _stepped(name: str, described: Described, reply: dict[str, Any]) -> Row:
    held = {module.name for module in described.modules if module.held}
    called = {module.split(".")[0] for module in reply["called"] if module not in held}
    if not called:
        error = BisectError(
            f"step calls none of its modules ({counted(len(described.modules), 'module')})",
            hint="return under `modules` the very modules that step calls, not copies of them nor what they are wrapped in",
        )
        return _row(name, "step", error=error)
    idle = dict.fromkeys(module.name.split(".")[0] for module in described.modules if not module.held)
    targets = "targets: " + (", ".join(reply["targets"]) or "no scalar among what it returned")
    return _row(
        name, "step", targets + "".join(f"; no module of {root!r} is called" for root in idle if root not in called)
    )


def _command(name: str, spec: ModelSpec, program: Program) -> Row:
    found = shutil.which(program.name, path={**os.environ, **spec.env}.get("PATH"))
    if found is None:
        error = BisectError(f"{program.name}: no program that may be run", hint=program.not_there)
        return _row(name, program.kind, error=error)
    return _row(name, program.kind, " ".join([found, *program.words[1:]]))


def _interpreter(name: str, spec: ModelSpec, python: str) -> Row:
    script = (
        f"import sys; sys.stdout.write('{PYTHON}' + sys.version.split()[0]); sys.stdout.flush(); "
        "import numpy, safetensors; print(' numpy', numpy.__version__)"
    )
    try:
        done = subprocess.run(
            [python, "-c", script],
            env={**os.environ, **spec.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return _row(name, "interpreter", error=BisectError(f"{python}: {error}", hint="set `python` in recipe.toml"))
    last = (done.stderr.strip().splitlines() or ["it failed"])[-1]
    if not done.stdout.startswith(PYTHON):
        none = BisectError(
            f"{python} is no Python interpreter, or does not start: {last}", hint="set `python` in recipe.toml"
        )
        return _row(name, "interpreter", error=none)
    if done.returncode:
        return _row(
            name, "interpreter", error=BisectError(f"{python}: {last}", hint="install numpy and safetensors in it")
        )
    return _row(name, "interpreter", f"{python}: {done.stdout.strip()}")


def _compiler(name: str, spec: ModelSpec, title: str, kernels: Kernels) -> Row:
    compiler = spec.env.get(kernels.compiler_setting) or os.environ.get(kernels.compiler_setting) or kernels.compiler
    found = shutil.which(compiler)
    if found is None:
        hint = f"install {kernels.compiler}: {title} compiles its kernels"
        return _row(name, "compiler", error=BisectError(f"no {compiler}", hint=hint))
    return _row(name, "compiler", found)


def _cache(name: str, spec: ModelSpec, kernels: Kernels) -> Row:
    folder = kernels.home({**os.environ, **spec.env}) / kernels.cache
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(nearest, os.W_OK):
        return _row(
            name, "cache", error=BisectError(f"{folder} is not writable", hint="set HOME in `env` of this model")
        )
    free = shutil.disk_usage(nearest).free / 1e9
    library, place = kernels.library
    words = f"with {library}"
    if not any(folder.glob(place)):
        words = f"without {library} so far: it is laid out at the first start if its packages are there"
    return _row(name, "cache", f"{folder}, {free:.0f} GB free, {words}")


def _row(model: str, what: str, found: str = "", *, error: BisectError | None = None) -> Row:
    if error is None:
        return {"model": model, "what": what, "ok": True, "found": found, "said": [], "next": ""}
    return {"model": model, "what": what, "ok": False, "found": str(error), "said": error.said, "next": error.hint}


def _draw(rows: list[Row]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("model", "what", "", "found"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        mark = Text("ok", style="green") if row["ok"] else Text("FAILS", style="red")
        table.add_row(
            *(shown(row[key]) for key in ("model", "what")),
            mark,
            Text("\n").join(map(shown, [row["found"], *([f"next: {row['next']}"] if row["next"] else [])])),
        )
    screen.console().print(table)
    for line in (line for row in rows for line in row["said"]):
        screen.console().print(shown(line), soft_wrap=True)
