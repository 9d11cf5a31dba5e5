"""Open a port: start its worker, build the model in it, and tell it of the capture."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bisect_tool.captures.manifest import Described
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import BisectError
from bisect_tool.frameworks import known_framework
from bisect_tool.probes.port import WorkerPort
from bisect_tool.recipes.find import find_recipe
from bisect_tool.recipes.load import Recipe, load_recipe
from bisect_tool.workers.process import Event, Worker
from bisect_tool.workers.start import build_model, start_worker

SILENCE_LIMIT = 300.0  # seconds


@dataclass(frozen=True)
class Watcher:
    """Who is told what a worker does: ``on_phase`` in words, ``on_event`` and ``on_output`` as the worker sends it."""

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
    silence_limit: float = SILENCE_LIMIT,
    watcher: Watcher = Watcher(),
) -> Iterator[WorkerPort]:
    """Open a port of a captured reference; its process ends with the block.

    ``recipe`` is a checked recipe, its folder, or its name in ``recipes/``; ``options`` go to the model's ``build``. Readings are
    kept in ``probes`` (beside the capture), so that no probe is asked twice; ``silence_limit`` are seconds without a sign of
    life after which the process is stopped. Raises BisectError for a mistake in the recipe, or a capture of another one.
    """
    loaded = recipe if isinstance(recipe, Recipe) else load_recipe(find_recipe(os.fspath(recipe), Path.cwd()))
    given = dict(options or {})
    check_belongs(capture, loaded)
    spec = loaded.model(model)

    def start() -> tuple[Worker, Described]:
        known = known_framework(spec.framework)
        watcher.on_phase(f"starting {model} ({known.name}{known.starts and ', '}{known.starts})")
        worker = start_worker(
            loaded, spec, silence_limit=silence_limit, on_event=watcher.on_event, on_output=watcher.on_output
        )
        try:
            described = build_model(worker, loaded, model, given)
        except BaseException:
            worker.kill()
            raise
        watcher.on_phase("probing")
        return worker, described

    words = [loaded.name, model, spec.model_dump_json(), json.dumps(given, sort_keys=True, default=str)]
    port = WorkerPort.open(start, capture, loaded.names.rename, probes or capture.folder.parent / "probes", words)
    try:
        yield port
    except BaseException:
        port.kill()
        raise
    port.close()


def check_belongs(capture: Capture, recipe: Recipe) -> None:
    """Raise BisectError for a capture of another recipe, or of a model that this one does not have."""
    manifest = capture.manifest
    if manifest.recipe != recipe.name or manifest.model not in recipe.models:
        raise BisectError(
            f"the capture {capture.folder} is of model {manifest.model!r} of recipe {manifest.recipe!r}, "
            f"not of {', '.join(map(repr, recipe.models))} of {recipe.name!r}",
            hint="record it again with `bisect capture`",
        )
