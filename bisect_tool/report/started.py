"""How the port starts, as far as it was asked: what the headline of an agreeing port says, and the notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.checks.initial.seeds import FEWEST_SEEDS, same_values, seed_reaches
from bisect_tool.sentences import limits, start


def started(case: Case) -> limits.Started:
    """Return what is known of the start of a port that is not to blame for anything."""
    same = same_values(case.pair)
    differing = dict.fromkeys(site for finding in (*case.initial, *case.laws) for site in finding.sites)
    return limits.Started(
        within=tuple(case.starts),
        same=same,
        why="" if same else "; ".join(_why(case)),
        rare=bool(case.answers["start"].notes),
        unlike=tuple(differing),
        settings=tuple(_unseen_settings(case)),
    )


def _unseen_settings(case: Case) -> Iterator[str]:
    """Yield what is set otherwise and shows only in what a step leaves behind: how fast running statistics follow."""
    for module, different in case.trace.differences.items():
        if "momentum" in different:
            ours, theirs = different["momentum"]
            yield start.other_momentum(module, theirs, ours)


def not_asked(case: Case) -> list[str]:
    """Return the notes on what could not be asked of the start."""
    return [limits.start_not_asked(why) for why in _why(case)]


def _why(case: Case) -> list[str]:
    """Say for what reasons the capture does not tell where the targets may start."""
    manifest = case.capture.manifest
    asked = case.questions if case.target is None else (case.target,)
    seeds = len(manifest.spread.seeds)
    lost = [target for target in asked if target in case.own.targets and target not in case.starts]
    if lost and seeds < FEWEST_SEEDS - 1:
        return [start.too_few_seeds(seeds, FEWEST_SEEDS - 1)]
    if lost and not seed_reaches(manifest):
        return [start.seed_is_ignored()]
    values = {t: [manifest.targets[t], *(v[t] for v in manifest.spread.targets if t in v)] for t in lost}
    return [_lost(target, values[target]) for target in lost]


def _lost(target: str, values: Sequence[float]) -> str:
    """Say why it is not known where a target may start, or does; ``values`` are the reference's."""
    if not all(map(math.isfinite, values)):
        return start.not_finite(target)
    return start.feels_no_weight(target) if len(set(values)) == 1 else start.not_given(target)
