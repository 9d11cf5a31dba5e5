"""How the buffers of a call were updated in a pass, beside the reference's, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.passes import Passes
from bisect_tool.captures.manifest import Manifest, Point, SiteEntry
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.checks.values.evidence import moments
from bisect_tool.checks.values.updates import Array, Update, updated_otherwise
from bisect_tool.probes.handed import Arrays, Handed
from bisect_tool.sentences import buffers as sentences
from bisect_tool.sites import Site, buffer_of, module_of, parent_of
from bisect_tool.worker.arrays import measure


@dataclass(frozen=True)
class Updated:
    """A buffer that a call left otherwise than the reference's, and how, in words where they are known."""

    name: Site
    words: str | None


def entries_of(case: Case, passes: Passes) -> Mapping[Site, SiteEntry]:
    """Return what was recorded of each call at the point that passes are about."""
    run: Manifest | Point | None = case.capture.manifest
    if passes.question.base.point == "stirred":
        run = case.capture.manifest.stirred
    return {} if run is None else {Site(entry.site): entry for entry in run.sites}


def updates_of(case: Case, passes: Passes, calls: Sequence[Site]) -> list[Updated]:
    """Return how calls update buffers that are left to the port otherwise."""
    intervention = passes.question.base.letting_drift(()).forcing(())
    handed, entries = case.port.asides.values(intervention, calls), entries_of(case, passes)
    return [one for call in calls if call in handed for one in updated(case, entries[call], handed[call], 0.0)]


def updated(case: Case, entry: SiteEntry, handed: Handed, floor: float) -> list[Updated]:
    """Return which buffers a call in place left off by more than a floor, and how they were updated."""
    found = []
    for name, value in held(handed.output).items():
        keys = entry.state.get(name)
        expected = None if keys is None else case.capture.read(keys[1])
        if keys is None or expected is None or measure.difference(value, expected).get("error", 1.0) <= floor:
            continue
        before, ours, theirs = (array.astype(np.float64) for array in (case.capture.read(keys[0]), value, expected))
        momentum, n, is_variance = _of_the_module(case, entry, name, expected.size)
        update = Update(before, ours, theirs, momentum=momentum, n=n, is_variance=is_variance)
        found.append(Updated(name, updated_otherwise(update)))
    return found


def _of_the_module(case: Case, entry: SiteEntry, name: Site, size: int) -> tuple[float | None, int | None, bool]:
    """Return a module's momentum, how many numbers of its input make one of a buffer's, and whether that is a variance."""
    described = {module.name: module for module in case.capture.manifest.described.modules}
    if parent_of(name) != module_of(entry.site):
        return None, None, False
    momentum = described[entry.module].settings.get("momentum")
    shapes = [case.capture.manifest.tensors[key].shape for _, key in tensor_keys(entry.inputs)]
    counts = [int(np.prod(shape)) // size for shape in shapes if len(shape) > 1 and shape[1] == size]
    taken = momentum if isinstance(momentum, float) and 0 < momentum < 1 else None
    return taken, next(iter(counts), None), name.endswith("var")


def begun(case: Case, entry: SiteEntry, handed: Handed, floor: float) -> list[str]:
    """Say with which buffers a call began that are off by more than a floor."""
    found = []
    for name, value in held(handed.inputs).items():
        keys = entry.state.get(name)
        expected = None if keys is None else case.capture.read(keys[0])
        if expected is not None and measure.difference(value, expected).get("error", 1.0) > floor:
            found.append(sentences.begins_with(entry.site, name, moments(value), moments(expected)))
    return found


def values(part: Arrays) -> Arrays:
    """Return what a call was handed, or gave, without buffers."""
    return [(path, array) for path, array in part if buffer_of(path) is None]


def held(part: Arrays) -> dict[Site, Array]:
    """Return the buffers among what a call was handed, or gave."""
    return {name: array for path, array in part if (name := buffer_of(path)) is not None}
