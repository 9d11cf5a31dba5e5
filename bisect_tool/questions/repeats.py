"""Whether two runs that were asked the same gave the same, bit for bit, and where they first do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bisect_tool.probes.reading import Reading

# Outputs alone are compared, so that a call may differ by what it is given.
WHO = " (what calls before it gave is the same: it is that call, or the code beside the calls that makes what it is given)"


def difference(first: Reading, other: Reading, target: str) -> str | None:
    """Say what differs between two runs of the port as it is: the first call whose output does, and a target; None: nothing.

    Of the targets, the one that is asked about comes first.
    """
    call = _first_call(first, other)
    crashes = [f"it raises {_crash(reading)}" for reading in (first, other)]
    if crashes[0] != crashes[1]:
        return "; ".join(filter(None, (", then ".join(crashes), call)))
    targets, gradients = (_unlike(*both, target) for both in zip(_values(first), _values(other), strict=True))
    said = [f"{name} {left}, then {right}" for name, left, right in targets[:1]]
    said += [f"the gradient of {name} is another one" for name, _, _ in gradients[:1]]
    if call is not None:
        said.append(call)
    elif targets and first.digests:
        said.append(f"all {len(first.digests)} module calls give the same in both")
    return "; ".join(said) or None


def _crash(reading: Reading) -> str:
    failed = reading.failed
    return "nothing" if failed is None else f"{failed.type} at {failed.where}"


def _values(reading: Reading) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return reading.targets, reading.gradients


def _first_call(first: Reading, other: Reading) -> str | None:
    """Return the first call, in order of completion, whose output is another one, or which only one of both makes."""
    orders = [[site for site, _ in reading.calls] for reading in (first, other)]
    for mine, theirs in zip(*orders, strict=False):
        if mine != theirs:
            return f"the first call that differs is {mine}, then {theirs}"
        if first.digests.get(mine) != other.digests.get(mine):
            return f"the first call whose output differs is {mine}{WHO}"
    left = max(orders, key=len)[min(map(len, orders)) :]
    return f"{left[0]} is called in one of them alone" if left else None


def _unlike(first: Mapping[str, Any], other: Mapping[str, Any], wanted: str) -> list[tuple[str, Any, Any]]:
    """Return the names at which two mappings differ, with both values, the wanted one first; NaN is like NaN."""
    both = [(name, first.get(name), other.get(name)) for name in dict.fromkeys((wanted, *first, *other))]
    return [row for row in both if repr(row[1]) != repr(row[2])]
