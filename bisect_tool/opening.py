"""Open a port: start its worker, build the model in it, and tell it of the capture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisect_tool.captures.again import record_command
from bisect_tool.captures.described import Described
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError
from bisect_tool.frameworks import known_framework
from bisect_tool.probes.port import WorkerPort
from bisect_tool.recipes.find import find_recipe
from bisect_tool.recipes.load import Recipe, load_recipe
from bisect_tool.recipes.options import as_words
from bisect_tool.workers.process import Event, Worker
from bisect_tool.workers.start import build_model, start_worker


@dataclass(frozen=True)
class Listener:
    """Who is told what a worker does: ``on_phase`` in words, ``on_event`` and ``on_output`` as the worker sends it.

    ``silence_limit`` are seconds without a sign of life after which the process is stopped.
    """

    silence_limit: float = 300.0
    on_phase: Callable[[str], None] = lambda _words: None
    on_event: Event | None = None
    on_output: Callable[[str], None] | None = None


@contextlib.contextmanager
def open_port(
    recipe: Recipe | str | os.PathLike[str],
    capture: Capture,
    *,
    model: str = "port",
    options: Mapping[str, Any] | None = None,
    probes: Path | None = None,
    listener: Listener = Listener(),
) -> Iterator[WorkerPort]:
    """Open a port of a captured reference; its process ends with the block.

    ``recipe`` is a checked recipe, its folder, or its name in ``recipes/``; ``options`` go to the model's ``build``. Readings are
    kept in ``probes`` (beside the capture), so that no probe is asked twice. The reference itself may be the model. Raises BisectError for a mistake in the recipe, or
    a capture of another one.
    """
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(find_recipe(os.fspath(recipe), Path.cwd()))
    check_belongs(capture, loaded)
    given = dict(options or {})
    words = [loaded.name, model, loaded.model(model).model_dump_json(), as_words(given)]
    start = _starting(loaded, model, given, listener)
    rename = () if model == capture.manifest.model else loaded.names.rename
    with capture.told():
        port = WorkerPort.open(start, capture, rename, probes or capture.folder.parent / "probes", words)
        try:
            yield port
        except BaseException:
            port.kill()
            raise
    port.close()


def _starting(
    recipe: Recipe, model: str, options: dict[str, Any], listener: Listener
) -> Callable[[], tuple[Worker, Described]]:
    """Return what starts a worker with the model built in it, as often as it must."""
    known = known_framework(recipe.model(model).framework)

    def start() -> tuple[Worker, Described]:
        listener.on_phase(f"starting {model} ({', '.join(filter(None, (known.name, known.starts)))})")
        worker = start_worker(
            recipe, recipe.model(model), silence_limit=listener.silence_limit,
            on_event=listener.on_event, on_output=listener.on_output,
        )  # fmt: skip
        try:
            _check_can_run(worker, recipe, model)
            described = build_model(worker, recipe, model, options)
        except BaseException:
            worker.kill()
            raise
        listener.on_phase("probing")
        return worker, described

    return start


def _check_can_run(worker: Worker, recipe: Recipe, model: str) -> None:
    """Raise BisectError where the worker does not announce what every probe needs."""
    if "run" not in worker.capabilities:
        raise BisectError(
            f"model {model!r} of {recipe.name} cannot be compared: its worker does not announce run",
            hint="docs/protocol.md says what run asks of a worker",
        )


def check_belongs(capture: Capture, recipe: Recipe, model: str | None = None) -> None:
    """Raise BisectError for a capture of another recipe, or not of the model (None: of none that the recipe has)."""
    manifest = capture.manifest
    wanted = list(recipe.models) if model is None else [model]
    if manifest.recipe != recipe.name or manifest.model not in wanted:
        raise BisectError(
            f"the capture {capture.folder} is of model {manifest.model!r} of recipe {manifest.recipe!r}, "
            f"not of {' or '.join(map(repr, wanted))} of {recipe.name!r}",
            hint="record it again with "
            f"`{record_command(capture.folder, recipe.name, wanted[0], recipe_folder=recipe.folder)}`",
        )
