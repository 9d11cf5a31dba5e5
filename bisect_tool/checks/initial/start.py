"""How the port's own initial values differ in kind from the reference's, told by statistics over seeds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from bisect_tool.captures.described import StateEntry
from bisect_tool.checks.initial.seeds import seed_reaches
from bisect_tool.finding import Finding
from bisect_tool.pairing.pair import Pair
from bisect_tool.sites import Site

REPEATS = 1e-6  # relative; a float32 constant computed in another order

# The port's tensor for the reference's; "not loaded": a port which loads the reference's weights has this one otherwise.
# "fixed": the reference has it the same at every seed, whatever the rest of the port has.
InitialKind = Literal["constant for random", "other constant", "no constant", "not loaded", "fixed"]


@dataclass(frozen=True)
class InitialFinding(Finding):
    """A tensor that starts otherwise than the reference's in kind."""

    kind: InitialKind

    @property
    def site(self) -> Site:
        """Return the tensor."""
        return Site(self.sites[0])


def same_numbers(ours: StateEntry, theirs: StateEntry) -> bool:
    """Tell whether two tensors hold the same numbers, in whatever order."""
    values = [(getattr(ours, key), getattr(theirs, key)) for key in ("mean", "std", "min", "max")]
    return ours.size == theirs.size and all(None not in pair and _close(*pair) for pair in values)


def initialisation(pair: Pair) -> list[InitialFinding]:
    """List tensors that are a constant on one side only, or another constant.

    The reference's law is read off all its recorded initialisations: a tensor that is the same constant in every
    one is a constant by design; one that is random in every one is random by design, and one that holds the same
    numbers in every one is a table, or loaded. A port's random tensor
    against a random reference is never listed here: it is drawn differently, and that is legitimate.
    """
    found = []
    drawn = seed_reaches(pair.reference)
    for ours, theirs in pair.state():
        others = pair.reference.spread.state.get(ours.name, ())
        if ours.size == 1 and not drawn:  # one number is no constant where the seed is ignored
            continue
        if ours.kind == "buffer" or not others or None in (ours.mean, ours.min, ours.max, theirs.min, theirs.max):
            continue
        runs = [(ours.min, ours.max), *((o.min, o.max) for o in others)]
        constant = all(low == high == runs[0][0] for low, high in runs)
        random = all(low != high for low, high in runs) and len(set(runs)) == len(runs)
        theirs_constant = theirs.min == theirs.max
        if constant and not (theirs_constant and _close(theirs.min, ours.min)):
            shown = f"the constant {theirs.min:.6g}" if theirs_constant else f"{theirs.mean:.4g} ± {theirs.std:.4g}"
            message = f"{ours.name}: starts as {shown}, reference as the constant {ours.min:.6g} at every seed"
            kind: InitialKind = "other constant" if theirs_constant else "no constant"
            found.append(InitialFinding("initialisation", (ours.name,), message, kind))
        elif random and theirs_constant and ours.size > 1:
            word = "all zero" if theirs.min == 0 else f"the constant {theirs.min:.6g}"
            message = f"{ours.name}: starts as {word}, reference random at every seed (std {ours.std:.4g})"
            found.append(InitialFinding("initialisation", (ours.name,), message, "constant for random"))
        elif drawn and theirs_constant and ours.size > 1 and ours.min != ours.max and _same_at_every_seed(pair, ours):
            message = f"{ours.name}: starts as the constant {theirs.min:.6g}, reference {ours.mean:.4g} ± {ours.std:.4g} at every seed"
            found.append(InitialFinding("initialisation", (ours.name,), message, "other constant"))
    return found


def not_loaded(pair: Pair, rounded: Collection[str] = ()) -> list[InitialFinding]:
    """List tensors that a port which loads the reference's weights does not have as the reference does.

    Numbers that are as drawn, and yet the same in every recorded initialisation, are loaded or seeded by the reference
    itself. A port that has most of them to the last bit has them from there, and then every one that it has otherwise is
    a mistake, constants included. What is ``rounded`` is the reference's but for rounding.
    """
    fixed = [(ours, theirs) for ours, theirs in pair.state() if _same_at_every_seed(pair, ours)]
    drawn = [ours.hash == theirs.hash for ours, theirs in fixed if ours.min != ours.max]
    loaded = sum(drawn)
    if 2 * loaded <= sum(ours.min != ours.max for ours, _ in pair.state()):  # a table of constants is in every port
        return []
    found = []
    for ours, theirs in fixed:
        if ours.hash == theirs.hash or ours.name in rounded or None in (theirs.mean, theirs.std):
            continue
        alike = same_numbers(ours, theirs)
        if alike and ours.min == ours.max:
            continue
        if alike and ours.shape == theirs.shape:
            what = (
                f"holds the reference's numbers in another order, of shape {list(ours.shape)}: transposed, or permuted"
            )
        else:
            what = f"starts as {theirs.mean:.4g} ± {theirs.std:.4g}, reference {ours.mean:.4g} ± {ours.std:.4g} at every seed"
        message = f"{ours.name}: {what}; {loaded} of {len(drawn)} such tensors are the reference's to the last bit"
        found.append(InitialFinding("not loaded", (ours.name,), message, "not loaded"))
    return found


def _same_at_every_seed(pair: Pair, ours: StateEntry) -> bool:
    others = pair.reference.spread.state.get(ours.name, ())
    return bool(others) and all(
        (o.mean, o.std, o.min, o.max) == (ours.mean, ours.std, ours.min, ours.max) for o in others
    )


def unlike(pair: Pair) -> list[str]:
    """Return the tensors whose mean or spread lies well outside the reference's own over seeds: where to look first."""
    found = []
    for ours, theirs in pair.state():
        runs = [ours, *pair.reference.spread.state.get(ours.name, ())]
        if len(runs) > 1 and any(_outside([getattr(r, k) for r in runs], getattr(theirs, k)) for k in ("mean", "std")):
            found.append(ours.name)
    return found


def _outside(values: list[float | None], value: float | None) -> bool:
    known = [v for v in values if v is not None]
    if value is None or len(known) < len(values):
        return False
    low, high = min(known), max(known)
    margin = 3 * (high - low) + REPEATS * max(abs(low), abs(high))
    return not low - margin <= value <= high + margin


def _close(left: float | None, right: float | None) -> bool:
    assert left is not None
    assert right is not None
    return abs(left - right) <= REPEATS * max(abs(left), abs(right))
