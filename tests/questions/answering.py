"""A port that answers each intervention as a test says, and a run of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from manifests import described, manifest
from simulated_case import BarePort

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.captures.reader import Capture
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.ranges import Run, Tolerance


class Answering(BarePort):
    """A port whose reading of an intervention is ``answer(intervention)``."""

    def __init__(self, answer: Callable[[Intervention], Reading], batch: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.answer = answer
        self.described = Described.model_validate(described(batch=batch))

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        return self.answer(intervention)


def run_of(
    answer: Callable[[Intervention], Reading] = lambda _intervention: Reading({"loss": 1.0}),
    *,
    target: str = "loss",
    batch: tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]] = ({}, {}),
    tolerance: Tolerance = Tolerance(),
    **fields: Any,
) -> Run:
    """Return a run about a target; ``batch`` is the reference's and the port's, ``fields`` the manifest's own."""
    ours, theirs = batch
    data = Manifest.model_validate(manifest(described(batch=ours), **fields))
    return Run(Answering(answer, theirs), Capture(Path(), data, "key"), target, tolerance, ProbeLog())
