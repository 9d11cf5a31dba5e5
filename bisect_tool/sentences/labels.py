"""What is put right in a probe of calls: the labels in the log, and in what proves a culprit."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.spelling import counted

ALL_STATE = "all parameters and buffers"
FORCED = "everything patched, each site computed"
OWN_COMPUTED = "own values, computed"
EVERYTHING_PATCHED = "every layer, parameter and buffer patched"
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


def fed(site: str) -> str:
    """Label the probe in which a call is given the reference's inputs."""
    return f"{site} fed the reference's inputs"


def kept_before(site: str) -> str:
    """Label the control in which code before a cut is skipped."""
    return f"own values, kept before {site}"


def some_fed(count: int) -> str:
    """Label the forced pass in which calls that the port feeds otherwise get the reference's inputs."""
    return f"the same, {count} fed the reference's inputs"


def some_exact(count: int, *, fed_by_port: bool = False) -> str:
    """Label the forced pass in which calls are computed in float64 too."""
    return f"the same, {count} in float64 too{', fed as the port does' if fed_by_port else ''}"


def state_and(inside: int) -> str:
    """Label the probe in which ``step`` is left alone, but for some calls inside it."""
    return f"{ALL_STATE}{_also_inside(inside)}"


def around_fed(count: int, inside: int) -> str:
    """Label the probe of calls around what is off."""
    return f"{counted(count, 'call')} around what is off, fed{_also_inside(inside)}"


def around_exact(count: int, inside: int) -> str:
    """Label the probe of such calls in float64."""
    return f"{count} of them in float64{_also_inside(inside)}"


def _also_inside(count: int) -> str:
    return f", {counted(count, 'call')} inside patched" if count else ""


def disturbed(sites: Sequence[str]) -> str:
    """Label the probe in which some calls are disturbed."""
    return f"{sites[0] if len(sites) == 1 else counted(len(sites), 'call')} disturbed"


def forced(dissolved: int, disturbed: int, *, stirred: bool) -> str:
    """Label a forced pass: how many calls compute from the port's own values, how many are disturbed, by which weights."""
    also = f", {counted(dissolved, 'call')} left to the port" if dissolved else ""
    noise = f", {disturbed} disturbed" if disturbed else ""
    return f"{'at stirred weights, ' if stirred else ''}every call given the reference's inputs{also}{noise}"
