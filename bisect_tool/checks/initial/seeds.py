"""What the reference's own seeds tell, and which pairs of tensors can be held to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bisect_tool.captures.described import StateEntry
from bisect_tool.captures.manifest import Manifest, StateStatistics
from bisect_tool.pairing.pair import Pair, setting_differences
from bisect_tool.sites import Site, parent_of

FEWEST_SEEDS = 4  # the reference's own start with them: fewer show no law


def varies(runs: Iterable[StateEntry | StateStatistics]) -> bool:
    """Tell whether a tensor has other values at another seed."""
    known = list(runs)
    hashed = all(run.hash is not None for run in known)
    return len({run.hash if hashed else (run.mean, run.std, run.min, run.max) for run in known}) > 1


def seed_reaches(manifest: Manifest) -> bool:
    """Tell whether any parameter of the reference depends on the seed that its ``build`` is given."""
    others = manifest.spread.state
    return any(varies((e, *others.get(e.name, ()))) for e in manifest.described.state if e.kind == "parameter")


def fixed(manifest: Manifest) -> dict[str, StateEntry]:
    """Return the tensors that hold the same bytes at every seed."""
    others = manifest.spread.state
    return {
        entry.name: entry
        for entry in manifest.described.state
        if entry.hash is not None
        and 1 + len(others.get(entry.name, ())) >= FEWEST_SEEDS
        and all(other.hash == entry.hash for other in others[entry.name])
    }


def told_by_name(pair: Pair) -> set[str]:
    """Return the tensors whose partner is sure: of the same shape, in a module of the same class, not by order alone.

    A tensor that the port ties to another one has no start of its own.
    """
    contradicted = {module for module, different in setting_differences(pair).items() if "class" in different}
    return {
        ours.name
        for ours, theirs in pair.state()
        if (ours.shape == theirs.shape or ours.size == theirs.size == 1)
        and theirs.alias_of is None
        and pair.matching.how[ours.name] != "guess"
        and parent_of(ours.name) not in contradicted
    }


def otherwise(pair: Pair) -> list[Site]:
    """Return the tensors that the reference starts the same at every seed, and the port with other bytes."""
    known, sure = fixed(pair.reference), told_by_name(pair)
    return [
        Site(ours.name)
        for ours, theirs in pair.state()
        if ours.name in known and ours.name in sure and _kind(ours) == _kind(theirs) and ours.hash != theirs.hash
    ]


def same_values(pair: Pair) -> bool:
    """Tell whether the port starts with the reference's values, all of them, bit by bit."""
    partners: Mapping[str, StateEntry] = {ours.name: theirs for ours, theirs in pair.state()}
    return all(
        entry.name in partners and entry.hash is not None and entry.hash == partners[entry.name].hash
        for entry in pair.reference.described.state
        if entry.kind == "parameter"
    )


def _kind(entry: StateEntry) -> str:
    return "float" if "float" in entry.dtype else "complex" if "complex" in entry.dtype else "whole"
