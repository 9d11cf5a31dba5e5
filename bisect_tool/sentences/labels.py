"""What is put right in a probe of calls: the labels in the log, and in what proves a culprit."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.spelling import counted

ALL_READ_BY_STEP = "all that the code of step reads patched"
EVERY_LAYER = "every layer patched"
REFERENCE_WEIGHTS = "the reference's weights"
CULPRITS_HELD = "the culprits held"


def these(culprits: int, held: Sequence[str]) -> str:
    """Name what is patched to heal some culprits."""
    if culprits > 1:
        return f"these {culprits} culprits"
    return held[0] if len(held) == 1 else f"these {len(held)} calls"


def before(site: str) -> str:
    """Label the probe in which everything before a call is patched."""
    return f"everything before {site}"


def some_exact(count: int) -> str:
    """Label the forced pass in which calls are computed in float64 too."""
    return f"the same, {count} in float64 too"


def shaken(count: int, *, stirred: bool) -> str:
    """Label a forced pass in which calls compute from noise, and give the reference's output all the same."""
    return f"{'at stirred weights, ' if stirred else ''}noise in {counted(count, 'call')} that must not matter"


def forced(dissolved: int, disturbed: int, *, stirred: bool) -> str:
    """Label a forced pass: how many calls compute from the port's own values, how many are disturbed, by which weights."""
    also = f", {counted(dissolved, 'call')} left to the port" if dissolved else ""
    noise = f", {disturbed} disturbed" if disturbed else ""
    return f"{'at stirred weights, ' if stirred else ''}every call given the reference's inputs{also}{noise}"
