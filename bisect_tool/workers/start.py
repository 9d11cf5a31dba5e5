"""Start a worker for a model of a recipe and build the model in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from bisect_tool.captures.described import Described
from bisect_tool.errors import BisectError
from bisect_tool.frameworks import known_framework
from bisect_tool.recipes.load import ModelSpec, Recipe
from bisect_tool.validation import explain
from bisect_tool.workers.failures import Program, of_python
from bisect_tool.workers.process import Event, Worker, default_python


def program_of(recipe: Recipe, spec: ModelSpec) -> Program:
    """Return what the worker of a model is started with; a relative path is relative to the recipe."""
    if spec.command is not None:
        return Program((_located(recipe, spec.command[0]), *spec.command[1:]), own=True)
    return of_python(default_python() if spec.python is None else _located(recipe, spec.python))


def _located(recipe: Recipe, program: str) -> str:
    expanded = os.path.expanduser(program)
    return str(recipe.folder / expanded) if os.sep in expanded else expanded


def start_worker(
    recipe: Recipe,
    spec: ModelSpec,
    *,
    silence_limit: float,
    on_event: Event | None = None,
    on_output: Callable[[str], None] | None = None,
) -> Worker:
    """Start a worker and wait until its framework is imported.

    One that ended having only rebuilt itself is started once more.
    """
    for attempt in (1, 2):
        worker = None
        try:
            worker = Worker(
                program=program_of(recipe, spec),
                framework=spec.framework,
                path=[str(recipe.folder), *(str(recipe.folder / os.path.expanduser(p)) for p in spec.path)],
                env={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "PYTHONHASHSEED": "0", **spec.env},
                cwd=str(recipe.folder),
                silence_limit=silence_limit,
                on_event=on_event,
                on_output=on_output,
            )
            worker.ready()
        except BaseException as error:
            if worker is not None:
                worker.kill()
            if not isinstance(error, BisectError):
                raise
            rebuilt = known_framework(spec.framework).rebuilds and getattr(error, "exit_status", None) == 0
            if rebuilt and attempt == 1:
                continue
            raise _of_model(error, recipe, spec) from error
        return worker
    raise AssertionError("unreachable")


def build_model(worker: Worker, recipe: Recipe, name: str, options: dict[str, Any]) -> Described:
    """Build a model in its worker and return its description. Raises BisectError that names recipe and model."""
    spec = recipe.model(name)
    try:
        request = {
            "folder": str(recipe.folder),
            "entry": spec.entry,
            "options": {**spec.options, **options},
            "watch": recipe.watch.functions,
            **({"sources": list(spec.sources)} if spec.sources else {}),
        }
        return Described.model_validate(ask_of(worker, recipe, name, "build", **request))
    except ValidationError as error:
        raise BisectError(f"model {name!r} of {recipe.name}: unusable description: {explain(error)}") from error


def ask_of(worker: Worker, recipe: Recipe, name: str, operation: str, **request: Any) -> Any:
    """Send a request to a model's worker and return the reply. Raises BisectError that names recipe and model."""
    try:
        return worker.ask(operation, **request)
    except BisectError as error:
        raise _of_model(error, recipe, recipe.model(name)) from error


def _of_model(error: BisectError, recipe: Recipe, spec: ModelSpec) -> BisectError:
    name = next(name for name, other in recipe.models.items() if other == spec)
    return error.named(f"model {name!r} of {recipe.name}")
