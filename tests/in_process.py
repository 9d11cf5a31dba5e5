"""A worker in the test's own process: real torch pairs are searched without starting any other.

What is left out is the wire (requests and replies are JSON all the same, and are checked as they are on both ends), and what
takes most of the time of a small net: its variables are no sites, and the user's own code has no digest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from bisect_tool import session
from bisect_tool.axes.axis import Case
from bisect_tool.captures.described import Described
from bisect_tool.captures.reader import Capture
from bisect_tool.captures.writer import seal_manifest
from bisect_tool.errors import ModelError
from bisect_tool.probes.port import WorkerPort
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.ranges import Tolerance
from bisect_tool.worker import operations, protocol
from bisect_tool.worker.adapters.adapter import adapter_of
from bisect_tool.worker.code import lines, watching
from bisect_tool.worker.model import build, describe

Build = Callable[..., dict[str, Any]]  # a recipe's ``build``
NO_DIGEST = mock.patch.object(describe, "sources", return_value="00")


class Silent:
    """A wire that nobody listens to."""

    def event(self, *_kind: object, **_fields: object) -> None:
        """Take an event."""


class NoFunctions(watching.Watcher):
    """A watcher that goes through no objects: nothing is watched."""

    def _functions(self) -> list[Any]:
        return []


def _no_lines() -> lines.Lines:
    return lines.Lines([str(Path(__file__).parent)], [], watcher=NoFunctions)


class InProcess:
    """A worker with a built model, asked as the process of a worker is."""

    capabilities = protocol.CAPABILITIES

    def __init__(self, function: Build, options: Mapping[str, Any]) -> None:
        adapter = adapter_of("torch")
        adapter.prepare()
        self._session = asked = operations.Session(adapter, Silent(), [])
        asked._rebuild = lambda seed: build.build(adapter, function, {**options, "seed": seed}, asked._model.held)
        asked._model, seconds = build.timed(build.build, adapter, function, dict(options))
        asked._lines = _no_lines()
        asked._reads = SimpleNamespace(described=dict)  # type: ignore[assignment]
        with NO_DIGEST:
            found = describe.describe(asked._model, seconds, [])
        self.described = Described.model_validate({**found, "options": build.accepted_options(function)})

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Answer one request; what the model raises is a ModelError, as it is of a process."""
        fields = json.loads(json.dumps(fields))
        protocol.check_request(op, fields)
        try:
            with NO_DIGEST:
                reply = operations.OPERATIONS[op](self._session, **fields)
        except Exception as error:
            raise ModelError(f"{type(error).__name__}: {error}") from error
        reply = json.loads(json.dumps(reply))
        protocol.check_reply(op, reply)
        return reply

    def tail(self) -> str:
        """Return nothing: what is printed goes where the test's own words go."""
        return ""

    def close(self) -> None:
        """Nothing runs that could be ended."""

    def kill(self) -> None:
        """Nothing runs that could be ended."""


def record(
    function: Build, folder: Path, *, seeds: Sequence[int] = (1, 2), grads: bool = False, **options: Any
) -> Capture:
    """Record a reference into a folder that is not there yet, at its stirred weights too; ``grads``: with its gradients."""
    folder.mkdir(parents=True)
    how = {"include": [], "exclude": [], "seeds": list(seeds), "grads": {"of": None} if grads else None}
    InProcess(function, options).ask("record", folder=str(folder), **how)
    seal_manifest(folder, recipe="in process", model="ref", model_options=options, recipe_folder="", spec={})
    return Capture.open(folder)


def beside(capture: Capture, function: Build, rules: Sequence[tuple[str, str]] = (), **options: Any) -> WorkerPort:
    """Open a port beside a capture."""

    def start() -> tuple[Any, Described]:
        worker = InProcess(function, options)
        return worker, worker.described

    return WorkerPort.open(start, capture, list(rules), capture.folder / "probes", [])


def opened(port: WorkerPort, capture: Capture, target: str | None = None, tolerance: Tolerance = Tolerance()) -> Case:
    """Return what the axes of a run look at, before any of them is asked."""
    case, run = session._beside(port, capture, target, tolerance, ProbeLog())
    return session._opened(case, run)
