"""Tensors that the reference starts the same at every seed, to the bit, and the port otherwise: tables, anchors, constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bisect_tool.captures.described import StateEntry
from bisect_tool.checks.initial.law_names import law
from bisect_tool.checks.initial.laws import fan, sample
from bisect_tool.checks.initial.seeds import seed_reaches
from bisect_tool.checks.initial.start import InitialFinding, initialisation, not_loaded, same_numbers
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import Site

ROUNDED = 1e-3  # of the tensor's rms: the angles in a long table of sines are off by 2e-4 where float32 computes them


def rounded(entry: StateEntry, error: float) -> bool:
    """Tell whether rounding explains how far a tensor is off; whole numbers have none."""
    return error <= (ROUNDED if "float" in entry.dtype else 0.0)


def initial_values(pair: Pair, errors: Mapping[Site, float]) -> list[InitialFinding]:
    """List what starts otherwise than the reference in kind, each tensor once; ``errors`` is how far fixed ones are off."""
    off = {str(site): error for site, error in errors.items()}
    same = {ours.name for ours, _ in pair.state() if ours.name in off and rounded(ours, off[ours.name])}
    found: dict[str, InitialFinding] = {}
    for finding in (*not_loaded(pair, same), *initialisation(pair), *fixed_values(pair, off)):
        found.setdefault(finding.site, finding)
    return sorted(found.values(), key=lambda finding: finding.kind == "not loaded")


def fixed_values(pair: Pair, errors: Mapping[str, float]) -> Iterator[InitialFinding]:
    """Yield what is designed and not drawn, and starts otherwise; ``errors`` is how far each tensor is off."""
    drawn = not seed_reaches(pair.reference)
    shapes = {entry.name: entry.shape for entry in pair.port.state}
    for ours, theirs in pair.state():
        if ours.name not in errors or rounded(ours, errors[ours.name]):
            continue
        moved = ours.min != ours.max and same_numbers(ours, theirs)
        if moved or (_is_designed(ours) and not _both_drawn(ours, theirs, fan(theirs, shapes), uniform=drawn)):
            how = "the reference's numbers in another order" if moved else _shown(theirs)
            message = f"{ours.name}: starts as {how}, off by {errors[ours.name]:.2g} of the reference's ({_shown(ours)} at every seed)"
            yield InitialFinding("fixed", (ours.name,), message, "fixed")


def _shown(entry: StateEntry) -> str:
    """Say what a tensor's numbers are."""
    if entry.mean is None or entry.min == entry.max:
        return "no numbers" if entry.min is None else f"the constant {entry.min:.6g}"
    return f"{entry.mean:.4g} ± {entry.std:.4g}"


def _is_designed(ours: StateEntry) -> bool:
    """Tell whether a tensor is no weight: those are drawn, or loaded, and ``not_loaded`` and the laws tell of them."""
    return ours.kind == "buffer" or not ours.trainable


def _both_drawn(ours: StateEntry, theirs: StateEntry, fans: tuple[int, int] | None, *, uniform: bool) -> bool:
    """Tell whether both may be draws of one law, the reference's by a seed of its own that no other framework repeats.

    A table of equal steps looks uniform: that is believed only where no seed reaches the reference's weights.
    """
    samples = [sample(entry, ours.size) for entry in (ours, theirs)]
    names = {law(one, fans).name if one is not None else "" for one in samples}
    return names == {"normal"} or (uniform and names == {"uniform"})
