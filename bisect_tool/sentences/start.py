"""What is said of initial values: which were put right in a probe, what that proves, and what could not be asked."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.labels import ALL_STATE
from bisect_tool.sentences.spelling import listed

# What is put right in a probe.
THESE_ALONE = "these alone"
ALL_BUT_THESE = "everything but these"
ALL_OTHERS = "every other parameter and buffer"
CULPRITS_HELD = "culprits held, own weights"
# What could not be settled.
SPREAD_IS_LEFT = "with all parameters and buffers the reference's, the target still leaves the spread"
CODE_COMES_FIRST = "whether it starts the same cannot be asked before the code is right"
CODE_IS_HELD = "whether it starts the same can be asked once the code is right"


def named(names: Sequence[str]) -> str:
    """Name what is put right in a probe."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} ... {names[-1]} ({len(names)})"


def all_but(names: Sequence[str]) -> str:
    """Label the probe in which everything else is the reference's."""
    return f"everything but {named(names)}"


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


def layer_is_right(site: str, error: float) -> str:
    """Say that a layer is right once all weights are the reference's."""
    return f"{ALL_STATE} patched: from the reference's inputs {site} is off by {error:.1e}"


def layer_is_wrong(site: str, error: float) -> str:
    """Say that a layer is wrong as long as the culprit's weights are its own."""
    return f"all but these patched: from the reference's inputs {site} is off by {error:.2g}"


def layer_varies(site: str, variation: float) -> str:
    """Say that a layer's output is no constant once the culprit is put right."""
    return f"{THESE_ALONE} patched: {site} varies (by {variation:.3g})"


def layer_is_constant(site: str) -> str:
    """Say that a layer's output is a constant as it is."""
    return f"nothing patched: {site} is one constant at every place"


def rare_draw(target: str, value: float, low: float, high: float, origin: str) -> str:
    """Say that a target starts outside where it may, and that nothing but chance explains it."""
    return (
        f"{target} starts at {value:.6g}, outside {low:.6g} to {high:.6g} ({origin}); yet every parameter starts by the "
        "reference's law, and no part of them explains it: a rare draw (`bisect capture --seeds 32` tells more)"
    )
