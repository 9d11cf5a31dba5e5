"""Buffers that the port's framework updates otherwise by itself: no fault of the port unless a value of this run shows it.

Jittor's batch norm divides the variance by n where torch divides it by n - 1. The layer's code is the framework's own on both
sides, with the same settings, so nobody who ports a net has written it. Such a buffer *drifts*: it is left to the port, and noted.
Where a later call gives another value for it, as an evaluation after training does, it is a boundary like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.buffers import updates_of
from bisect_tool.axes.calls.passes import Passes
from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.sentences import buffers as sentences
from bisect_tool.sites import Site, module_of, parent_of

SHOWN = 3  # of the layers of one kind, that are looked at


def drift_settled(passes: Passes, case: Case, run: Manifest | Point) -> Passes:
    """Return the passes with all that drifts left to the port. Raises PassError, SpentError."""
    own = _of_the_framework(case)
    if own.isdisjoint(run.left):
        return passes
    plain = passes.run(())
    off = frozenset(name for site in plain.rows for name in passes.off_at(plain, site) if name in own)
    if not off:
        return passes
    right = [site for site in plain.rows if None not in passes.off_at(plain, site)]
    again = _begun_with(run, off)
    passes.let_drift(off, felt=again)
    if again:
        trial = passes.run(())
        modules = {module_of(site) for site in right if site in trial.rows and None in passes.off_at(trial, site)}
        felt = {name for name in off if any(name.startswith(f"{module}.") for module in modules)}
        if felt:
            passes.let_drift(off - felt, felt=True)
    return passes


def drift_notes(case: Case, passes: Passes) -> Iterator[str]:
    """Say once for each kind of layer which buffers drift, and how."""
    kinds: dict[tuple[str, str], list[Site]] = {}
    for name in case.state:
        if name in passes.drifting:
            kinds.setdefault((case.trace.classes[parent_of(name)][1], name.rpartition(".")[2]), []).append(name)
    for (class_, last), names in kinds.items():
        # Deep in a net less goes into a statistic: it shows best how that is taken.
        found = updates_of(case, passes, [Site(parent_of(name)) for name in names[-SHOWN:]])
        words = next((one.words for one in reversed(found) if one.name in names and one.words), None)
        yield sentences.drifts(case.port.described.framework, class_, last, len(names), names[-1], words)


def _of_the_framework(case: Case) -> frozenset[Site]:
    """Return the buffers of layers whose code is a framework's own on both sides, another's each, and set in the same way."""
    reference, port = case.capture.manifest.described, case.port.described
    if reference.framework == port.framework:
        return frozenset()
    inherited = {ours.name for ours, theirs in case.pair.modules() if ours.inherits and theirs.inherits}
    modules = inherited - case.trace.differences.keys()
    return frozenset(name for name in case.state if parent_of(name) in modules)


def _begun_with(run: Manifest | Point, names: Collection[Site]) -> bool:
    """Tell whether a call of the reference begins with one of some buffers after it was written."""
    return any(keys[0] != run.state[name] for e in run.sites for name, keys in e.state.items() if name in names)
