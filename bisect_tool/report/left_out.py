"""The targets that were not compared where no target was asked about: each with why."""

from __future__ import annotations

from bisect_tool.axes.axis import Case
from bisect_tool.sentences import limits


def left_out(case: Case) -> list[str]:
    """Return in words which targets of either side nothing was compared of; none where one was asked about, or the port raises."""
    if case.target is not None or not case.questions or case.own.failed is not None:
        return []
    ours, theirs = case.capture.manifest, case.own
    names = dict.fromkeys((*ours.targets, *ours.not_scalar, *theirs.targets, *theirs.not_scalar))
    return [_why(case, name) for name in names if name not in case.questions]


def _why(case: Case, name: str) -> str:
    ours, theirs = case.capture.manifest, case.own
    if name not in ours.targets and name not in ours.not_scalar:
        return limits.of_one_side(name, "port")
    if name not in theirs.targets and name not in theirs.not_scalar:
        return limits.of_one_side(name, "reference")
    for side, found in (("reference", ours), ("port", theirs)):
        if name in found.not_scalar:
            return limits.no_scalar(name, side)
    return limits.not_finite(name, ours.targets[name], theirs.targets[name])
