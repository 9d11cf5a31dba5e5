"""Calls that mean another thing on both sides and do no harm: the call around them gives the reference's value.

A port may add a residual inside a block where the reference adds it outside, or keep a bias that a batch norm takes away.
The two calls of one name then differ although nothing is wrong, and neither can stand for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bisect_tool.finding import counted
from bisect_tool.forced_pass import Forced, error_of, exact_error_of
from bisect_tool.questions import Question
from bisect_tool.sites import Site
from bisect_tool.trace import Trace

AMBIGUOUS = 1e-2  # what a container gives in float32, from the right inputs, is not made this wrong by rounding alone


def conventions(question: Question, trace: Trace, forced: Forced) -> dict[Site, Site]:
    """Return the calls that are off although a call around them is right, each with the innermost such call.

    Level by level outwards, the calls around what is off are given the reference's inputs and run by themselves; where
    rounding leaves it open, in float64.
    """
    found: dict[Site, Site] = {}
    pending = {site: trace.chain(site)[1:] for site in (*forced.suspects, *forced.fed_wrong) if site in trace.sites}
    while pending := {site: chain for site, chain in pending.items() if chain}:
        level = list(dict.fromkeys(chain[0] for chain in pending.values()))
        right = _right(question, trace, level)
        found |= {site: chain[0] for site, chain in pending.items() if chain[0] in right}
        pending = {site: chain[1:] for site, chain in pending.items() if site not in found}
    # A call that is right with what is inside it left alone is only off in the forced pass.
    return {site: around for site, around in found.items() if site not in found.values()}


def _right(question: Question, trace: Trace, calls: Sequence[Site]) -> set[Site]:
    """Return which of some calls give the reference's output from the reference's inputs, nothing inside them patched."""
    known = [call for call in calls if call in trace.sites]
    if not known:
        return set()
    reading = question.ask("around", f"{counted(len(known), 'call')} around what is off, fed", (), known, fed=known)
    if reading.failure is not None:
        return set()
    right = {call for call in known if error_of(reading, call) <= trace.rounding}
    unclear = [call for call in known if call not in right and error_of(reading, call) < AMBIGUOUS]
    if unclear:
        exact = question.ask("exact", f"{len(unclear)} of them in float64", (), unclear, fed=unclear, exact=unclear)
        right |= {call for call in unclear if _within(exact_error_of(exact, call), trace)}
    return right


def _within(error: float | None, trace: Trace) -> bool:
    return error is not None and error <= trace.rounding


def explained(found: Mapping[Site, Site]) -> tuple[str, ...]:
    """Say which calls were passed over, and why."""
    return tuple(
        f"{site} gives another value than the reference's call of that name, and {around} around it gives the reference's: "
        "code is placed otherwise there, and does no harm"
        for site, around in found.items()
    )
