"""What can be compared and given the reference's value: module calls, parameters and buffers that fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bisect_tool.captures.manifest import Manifest, SiteEntry
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.diagnosis.pair import Pair
from bisect_tool.diagnosis.preflight import setting_differences
from bisect_tool.probes.port import WorkerPort
from bisect_tool.sites import Site, module_of
from bisect_tool.trace import Trace


def trace_of(port: WorkerPort, pair: Pair) -> Trace:
    """Return the calls that have a partner of the same shape in the port, in the reference's order of execution."""
    manifest = pair.reference
    times = Counter(module_of(call) for call in manifest.calls)
    theirs = Counter(module_of(call) for call in pair.calls)
    comparable = [  # calls of a module are told apart by their number: it must be the same on both sides
        e
        for e in manifest.sites
        if e.site in pair.calls and times[e.module] == theirs[e.module] and port.can_patch(e.site)
    ]
    sites = tuple(Site(e.site) for e in comparable if _same_shapes(manifest, e, pair.calls[e.site]))
    classes = {ours.name: (ours.class_, theirs.class_) for ours, theirs in pair.modules()}
    fitting = frozenset(sites)
    misshapen = tuple(Site(e.site) for e in comparable if e.site not in fitting)
    noise = manifest.noise
    return Trace(sites, manifest.calls, classes, setting_differences(pair), noise.rounding, noise.exact, misshapen)


def _same_shapes(manifest: Manifest, entry: SiteEntry, outputs: Sequence[tuple[str, tuple[int, ...]]]) -> bool:
    ours = [manifest.tensors[key].shape for _, key in tensor_keys(entry.output)]
    theirs = [shape for _, shape in outputs]
    return len(ours) == len(theirs) and all(
        a == b or math.prod(a) == math.prod(b) == 1 for a, b in zip(ours, theirs, strict=True)
    )


def state_of(pair: Pair) -> list[Site]:
    """Return what can be given the reference's value: tensors that fit, a tied one by its first name alone."""
    return [
        Site(a.name) for a, b in pair.state() if (a.shape == b.shape or a.size == b.size == 1) and b.alias_of is None
    ]
