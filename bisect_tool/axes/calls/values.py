"""Say in words what is wrong with the values that a culprit gives, or hands to a call inside it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bisect_tool.axes.calls.forced_pass import Forced
from bisect_tool.captures.manifest import SiteEntry
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.evidence import Evidence
from bisect_tool.culprit import Culprit, WrongCaller, WrongCode
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.handed import Arrays, Handed
from bisect_tool.probes.interface import Port
from bisect_tool.sentences import calls
from bisect_tool.sites import Site, module_of


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What the sentences about one run's values rest on."""

    forced: Forced
    trace: Trace
    port: Port
    capture: Capture

    @functools.cached_property
    def entries(self) -> dict[Site, SiteEntry]:
        return {Site(entry.site): entry for entry in self.capture.manifest.sites}

    @functools.cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        return {module.name: module.settings for module in self.capture.manifest.described.modules}


def with_values(
    culprits: Sequence[Culprit], forced: Forced, trace: Trace, port: Port, capture: Capture
) -> tuple[Culprit, ...]:
    """Return the culprits with a finding about their values each, where one explains them.

    One run of the port hands over what the forced pass saw at one call of each culprit.
    """
    shown = {
        culprit: _call(culprit, forced, trace)
        for culprit in culprits
        if isinstance(culprit, WrongCode) and culprit.held
    }
    computed = [around for call in shown.values() for around in trace.chain(call)]
    handed = port.asides.values(forced.intervention.watching(computed), shown.values()) if shown else {}
    seen = _Seen(forced, trace, port, capture)
    return tuple(
        _described(culprit, shown[culprit], handed[shown[culprit]], seen)
        if culprit in shown and shown[culprit] in handed
        else culprit
        for culprit in culprits
    )


def _call(culprit: Culprit, forced: Forced, trace: Trace) -> Site:
    """Return the call to look at: the one that is furthest off, or the outermost that the culprit hands a wrong value."""
    if not isinstance(culprit, WrongCaller):
        return max(culprit.held, key=lambda site: forced.off[site].error if site in forced.off else -1.0)
    chain = trace.chain(culprit.feeds[0])
    return chain[chain.index(culprit.sites[0]) - 1] if culprit.sites[0] in chain else chain[-1]


def _described(culprit: Culprit, call: Site, handed: Handed, seen: _Seen) -> Culprit:
    entry = seen.entries[call]
    if isinstance(culprit, WrongCaller):
        where, by, pairs = calls.inputs_of(call), culprit.sites[0], _pairs(handed.inputs, entry.inputs, seen.capture)
    else:
        where, by, pairs = calls.output_of(call), call, _pairs(handed.output, entry.output, seen.capture)
    inputs = tensor_keys(seen.entries[by].inputs) if by in seen.entries else ()
    evidence = Evidence(
        site=call,
        value=np.empty(0),
        expected=np.empty(0),
        inputs=tuple(seen.capture.read(key) for _, key in inputs),
        classes=seen.trace.classes.get(module_of(by), ("", "")),
        settings=seen.settings.get(module_of(by), {}),
        framework=seen.port.described.framework,
        floor=seen.forced.off[call].floor if call in seen.forced.off else seen.trace.rounding,
    )
    said = [describe(dataclasses.replace(evidence, value=value, expected=expected)) for value, expected in pairs]
    found = [Finding("values", (call,), f"{where} {'; '.join(words)}") for words in said if words][:2]
    return dataclasses.replace(culprit, findings=(*culprit.findings, *found))


def _pairs(part: Arrays, recorded: dict[str, Any], capture: Capture) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    keys = list(tensor_keys(recorded))
    if len(keys) == len(part):
        return [(value, capture.read(key)) for (_, value), (_, key) in zip(part, keys, strict=True)]
    by_path = dict(part)
    return [(by_path[path], capture.read(key)) for path, key in keys if path in by_path]
