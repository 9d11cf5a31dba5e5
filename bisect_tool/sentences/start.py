"""What is said of initial values: which were put right in a probe, what that proves, and what could not be asked."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.evidence import OTHERWISE, StartShows
from bisect_tool.sentences.spelling import apart, counted, listed, sentence_list, weights

# What is put right in a probe.
THESE_ALONE = "these alone"
ALL_BUT_THESE = "everything but these"
ALL_OTHERS = "every other parameter and buffer"
CULPRITS_HELD = "culprits held, own weights"
# What could not be settled.
SPREAD_IS_LEFT = "with the reference's weights, the target still leaves the spread"


def named(names: Sequence[str]) -> str:
    """Name what is put right in a probe."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} ... {names[-1]} ({len(names)})"


def patched(what: str) -> str:
    """Say what was put right in a probe that proves something."""
    return f"{what} patched"


def fails(what: str, why: str | None) -> str:
    """Say that the port fails with something put right."""
    return f"the port fails with {what} patched: {why}"


def fails_as_it_is(why: str | None) -> str:
    """Say that the port fails with its own weights."""
    return f"the port fails with its own weights: {why}"


def perhaps_not_needed(names: Sequence[str]) -> str:
    """Say of which tensors it is not known whether they must be right too."""
    return f"whether {listed(names)} must be right too: the port fails with the others alone"


def seeds_speak(shows: StartShows, initialisations: int) -> str:
    """Say what of the reference's own initialisations proves that initial values are otherwise."""
    return f"beside {initialisations} initialisations of the reference: {OTHERWISE[shows]}"


def code_comes_first(targets: Sequence[str], shown: Sequence[str]) -> str:
    """Say that nobody can tell where targets may start; ``shown``: what a probe showed all the same."""
    verb = "starts" if len(targets) == 1 else "start"
    later = f"not asked yet: whether {sentence_list(targets)} {verb} the same, for which the code must be right first"
    return "; ".join([later, *shown])


def goes_to(target: str, own: float, healed: float, sites: Sequence[str]) -> str:
    """Say what a target becomes with the reference's values of tensors that differ, which proves nothing."""
    return f"with the reference's values of {listed(sites)}, {target} goes from {own:.6g} to {healed:.6g}"


def felt(target: str, own: float | None, healed: float | None, reach: tuple[float, float] | None) -> str:
    """Say what a target is with initial values put right, and its ``reach``: where it may start, unless nobody can tell."""
    if own is None or healed is None:
        return f"the port gives no {target} with the reference's values of these"
    if own == healed:
        return f"{target} does not feel them: it starts at {own:.6g} with the reference's values of these too"
    may = f"; it may start from {reach[0]:.4g} to {reach[1]:.4g}" if reach else ""
    return f"{target} starts at {own:.6g}, and with the reference's values of these at {healed:.6g}{may}"


def mostly_the_weights(values: Sequence[tuple[str, float, float, float]], lost: Sequence[str] = ()) -> str:
    """Say that weights explain nearly all that targets are off by; some were ``lost``.

    Each is (its name, its value as it is, with the reference's weights, and in the reference).
    """
    said = []
    for target, own, given, reference in values:
        port, theirs = apart(given, reference)
        said.append(f"{target} is {own:.6g} as it is, {port} with {weights(lost)}, {theirs} in the reference")
    return f"Most of it is the weights: {'; '.join(said)}."


def rare_draw(target: str, value: float, low: float, high: float, origin: str) -> str:
    """Say that a target starts outside where it may, and that nothing but chance explains it."""
    return (
        f"{target} starts at {value:.6g}, outside {low:.6g} to {high:.6g} ({origin}); yet no parameter that could be "
        "compared starts by another law, and no part of them explains it: a rare draw (`bisect capture --seeds 32` tells more)"
    )


def too_few_seeds(seeds: int, needed: int) -> str:
    """Say that the capture has too few initialisations to tell where a target may start."""
    return f"the capture has {counted(seeds, 'other initialisation')}, {needed} are needed (`bisect capture --seeds 8`)"


def not_finite(target: str) -> str:
    """Say that a target is not finite at some of the reference's initialisations."""
    return f"{target} is not finite at each of the reference's initialisations"


def seed_is_ignored() -> str:
    """Say that the reference's weights are the same whatever the seed."""
    return "the reference's build gives the same weights whatever the seed"


def feels_no_weight(target: str) -> str:
    """Say that a target is the same whatever the weights."""
    return f"{target} of the reference is the same at every seed although its weights are not: it feels none of them"


def not_given(target: str) -> str:
    """Say that the port has no value of a target."""
    return f"the port gives no {target} with its own weights"


def other_momentum(module: str, port: object, reference: object) -> str:
    """Say that running statistics follow at another pace."""
    return f"the momentum of {module}: {port}, reference {reference}"
