"""Where the range comes from in which a target may lie."""

from __future__ import annotations

GIVEN = "the tolerance given"
LOSS_ALONE = "rounding in the loss alone"


def every_layer_rounds(times: float, rounding: float) -> str:
    """Say that the range is what rounding in all layers does to the target."""
    return f"{times:g} times what rounding every layer by {rounding:g} does to the reference"


def target_rounds(rounding: float) -> str:
    """Say that the range is the rounding of the target itself."""
    return f"rounding by {rounding:g}; rounding every layer so moves the reference by less"


def prediction(initialisations: int) -> str:
    """Say that the range is where one more initialisation is expected."""
    return f"99.9 % prediction interval over {initialisations} initialisations of the reference"


def predicted_factor(initialisations: int, times: float, centre: float) -> str:
    """Say that the range is where one more initialisation is expected, and how wide it is around its middle."""
    return f"{prediction(initialisations)}, taken on the logarithm: within a factor of {times:.4g} of {centre:.4g}"


def with_own_sums(origin: str, off: float) -> str:
    """Add that a framework which sums naively has room for its own sums."""
    return f"{origin}, and {off:.2g} that the port's own sums in the loss are off (its framework sums naively)"
