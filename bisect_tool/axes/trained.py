"""Weights that ``step`` makes of gradients: these are neither given nor compared, so that a wrong one may lie in a layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from bisect_tool.axes.axis import Answer, Case
from bisect_tool.culprit import Culprit, WrongCaller, WrongWrites
from bisect_tool.probes.reading import without
from bisect_tool.sentences import trained as sentences
from bisect_tool.sites import STEP, Site


def doubted(case: Case) -> Case:
    """Return the case with a doubt in whoever is blamed for nothing but weights that are trained in the step."""
    manifest = case.capture.manifest
    if not manifest.trains:
        return case
    trainable = {entry.name for entry in manifest.described.state if entry.kind == "parameter" and entry.trainable}
    trained = frozenset(Site(name) for name in manifest.left if name in trainable)
    return dataclasses.replace(case, answers={name: _doubted(a, case, trained) for name, a in case.answers.items()})


def _doubted(answer: Answer, case: Case, trained: Collection[Site]) -> Answer:
    culprits = tuple(
        dataclasses.replace(culprit, doubts=(*culprit.doubts, sentences.NOT_COMPARED))
        if sentences.NOT_COMPARED not in culprit.doubts and _rests_on(culprit, case, trained)
        else culprit
        for culprit in answer.culprits
    )
    new = any(sentences.NOT_COMPARED in culprit.doubts for culprit in culprits)
    said = new and sentences.NOT_COMPARED not in answer.open_ends
    ends = (*answer.open_ends, sentences.NOT_COMPARED) if said else answer.open_ends
    return dataclasses.replace(answer, culprits=culprits, open_ends=ends)


def _rests_on(culprit: Culprit, case: Case, trained: Collection[Site]) -> bool:
    """Tell whether a culprit is ``step``, and all that shows it is trained."""
    if isinstance(culprit, WrongWrites):
        return set(culprit.leaves) <= set(trained)
    if not isinstance(culprit, WrongCaller) or STEP not in culprit.sites:
        return False
    passes = [reading for asked, reading in case.log.readings.items() if asked.dissolved is not None]
    rows = [row for one in passes for site in culprit.feeds if site in one.watched for row in one.watched[site].inputs]
    return not any(row.exceeds(case.trace.rounding) for row in without(tuple(rows), trained))
