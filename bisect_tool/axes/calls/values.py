"""Say in words what is wrong with the values that a culprit gives, or hands to a call inside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.buffers import begun, entries_of, updated, values
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.axes.calls.regions import chain
from bisect_tool.captures.manifest import SiteEntry
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.evidence import Evidence
from bisect_tool.culprit import WrongCaller, WrongCode
from bisect_tool.finding import Finding
from bisect_tool.probes.handed import Arrays, Handed
from bisect_tool.probes.intervention import Intervention
from bisect_tool.questions.judging import largest
from bisect_tool.sentences import buffers as sentences
from bisect_tool.sentences import calls
from bisect_tool.sites import STEP, Site, module_of
from bisect_tool.worker.arrays.pairs import written

MOST_BUFFERS = 4  # of a call, that are spoken of
Blamed = tuple[WrongCode, Suspect]  # a culprit, and who of those it is made of shows it best


def with_values(case: Case, blamed: Sequence[Blamed]) -> list[WrongCode]:
    """Return the culprits with a finding about their values each, where one explains them.

    The pass that shows a culprit is run once more, and hands over what one call of it was given and gave.
    """
    shown: dict[Intervention, list[Site]] = {}
    for culprit, suspect in blamed:
        if culprit.held:
            shown.setdefault(_pass(suspect), []).append(_call(culprit, suspect))
    handed = {intervention: case.port.asides.values(intervention, sites) for intervention, sites in shown.items()}
    return [_with_value(case, culprit, suspect, handed) for culprit, suspect in blamed]


def _pass(suspect: Suspect) -> Intervention:
    return suspect.passes.question.base.forcing(suspect.seen.dissolved)


def _call(culprit: WrongCode, suspect: Suspect) -> Site:
    """Return the call to look at: the one that is furthest off, or the outermost that the culprit hands a wrong value."""
    if not isinstance(culprit, WrongCaller):
        rows = suspect.seen.rows
        return max(culprit.held, key=lambda site: largest(rows[site].output) if site in rows else -1.0)
    around = chain(suspect.seen.rows, culprit.feeds[0])
    return around[around.index(culprit.sites[0]) - 1]


def _with_value(
    case: Case, culprit: WrongCode, suspect: Suspect, handed: Mapping[Intervention, Mapping[Site, Handed]]
) -> WrongCode:
    if not culprit.held:
        return culprit
    call = _call(culprit, suspect)
    seen = handed[_pass(suspect)].get(call)
    return culprit if seen is None else _described(case, culprit, suspect, call, seen)


def _described(case: Case, culprit: WrongCode, suspect: Suspect, call: Site, handed: Handed) -> WrongCode:
    entries, floor = entries_of(case, suspect.passes), suspect.passes.floors.output(suspect.seen.region_of(call))
    entry = entries[call]
    if isinstance(culprit, WrongCaller):
        where, by = calls.inputs_of(call), culprit.sites[0]
        pairs = _pairs(values(handed.inputs), entry.inputs, case.capture)
        updates = [Finding("buffers", (call,), words) for words in begun(case, entry, handed, floor)]
    else:
        where, by = calls.output_of(call), call
        pairs = _pairs(values(handed.output), entry.output, case.capture)
        otherwise = updated(case, entry, handed, floor) if call not in suspect.seen.dissolved else []
        said_of = [(one.name, one.words) for one in otherwise if one.words is not None]
        updates = [Finding("buffers", (call,), sentences.leaves(*one)) for one in said_of]
    evidence = _evidence(case, suspect, call, by, entries)
    said = [describe(dataclasses.replace(evidence, value=value, expected=expected)) for value, expected in pairs]
    found = [Finding("values", (call,), f"{where} {'; '.join(words)}") for words in said if words][:2]
    return dataclasses.replace(culprit, findings=(*culprit.findings, *updates[:MOST_BUFFERS], *found))


def _evidence(case: Case, suspect: Suspect, call: Site, by: Site, entries: Mapping[Site, SiteEntry]) -> Evidence:
    """Return what the sentences about a call's value may rest on; ``by`` is whose code makes it."""
    inputs = tensor_keys(entries[by].inputs) if by in entries else ()
    settings = {module.name: module.settings for module in case.capture.manifest.described.modules}
    region = suspect.seen.region_of(call) if call != STEP else suspect.region
    return Evidence(
        site=call,
        value=np.empty(0),
        expected=np.empty(0),
        inputs=tuple(case.capture.read(key) for _, key in inputs),
        classes=case.trace.classes.get(module_of(by), ("", "")),
        settings=settings.get(module_of(by), {}),
        framework=case.port.described.framework,
        floor=suspect.passes.floors.output(region),
    )


def _pairs(part: Arrays, recorded: dict[str, Any], capture: Capture) -> list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    by_path = dict(part)
    keys = [(path, key) for path, key in tensor_keys(recorded) if path in by_path]
    return [(by_path[path], written(by_path[path], capture.read(key))) for path, key in keys]
