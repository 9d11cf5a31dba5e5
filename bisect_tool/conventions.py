"""Calls that mean another thing on both sides and do no harm: the call around them gives the reference's value.

A port may add a residual inside a block where the reference adds it outside, or keep a bias that a batch norm takes away.
The two calls of one name then differ although nothing is wrong, and neither can stand for the other. What is around them
must feel them: a block whose gate is zero is right whatever is inside it, and excuses nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bisect_tool.finding import counted
from bisect_tool.forced_pass import STEP, error_of, exact_error_of, force
from bisect_tool.probes.intervention import Reading
from bisect_tool.questions import Question
from bisect_tool.sites import Site
from bisect_tool.trace import Trace

AMBIGUOUS = 1e-2  # what a container gives in float32, from the right inputs, is not made this wrong by rounding alone
MOST_ROUNDS = 8  # each passes over at least one more call
MOST_ALONE = 6  # calls that are disturbed one by one; more of them together


def conventions(question: Question, trace: Trace, right_targets: Callable[[Reading], bool]) -> dict[Site, Site]:
    """Return the calls that are off although what is around them is right, each with the innermost such call.

    ``right_targets`` tells whether a run's targets are the reference's to within the rounding of the loss: then
    ``step`` excuses what is off in it. The rest is judged anew without the calls that are passed over, until nothing
    more is.
    """
    found: dict[Site, Site] = {}
    for _ in range(MOST_ROUNDS):
        more = _passed_over(question, trace.without(found), right_targets)
        if not more:
            break
        found |= more
    return found


def _passed_over(question: Question, trace: Trace, right_targets: Callable[[Reading], bool]) -> dict[Site, Site]:
    if not trace.sites:
        return {}
    forced = force(question, trace)
    found: dict[Site, Site] = {}
    off = dict.fromkeys((*forced.suspects, *forced.fed_wrong))
    pending = {site: [*trace.chain(site)[1:], STEP] for site in off}
    while pending:
        level = {chain[0] for chain in pending.values()}
        right = _right(question, trace, level - {STEP})
        if STEP in level and right_targets(question.ask("split", "all parameters and buffers")):
            right.add(STEP)
        excused = {site: chain[0] for site, chain in pending.items() if chain[0] in right}
        found |= _felt(question, trace, excused, right_targets)
        pending = {s: chain[1:] for s, chain in pending.items() if s not in excused and len(chain) > 1}
    # A call that is right with what is inside it left alone is only off in the forced pass.
    return {site: around for site, around in found.items() if site not in found.values()}


def _right(question: Question, trace: Trace, calls: Collection[Site]) -> set[Site]:
    """Return which of some calls give the reference's output from the reference's inputs, nothing inside them patched."""
    known = [call for call in trace.sites if call in calls]
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


def _felt(
    question: Question, trace: Trace, excused: Mapping[Site, Site], right_targets: Callable[[Reading], bool]
) -> dict[Site, Site]:
    """Return those excused calls whose surroundings feel them: disturbed on purpose, they make what is around wrong."""
    sites = list(excused)
    groups = [[site] for site in sites] if len(sites) <= MOST_ALONE else [sites]
    found: dict[Site, Site] = {}
    for group in groups:
        around = [call for call in dict.fromkeys(excused[site] for site in group) if call != STEP]
        what = f"{group[0] if len(group) == 1 else counted(len(group), 'call')} disturbed"
        reading = question.ask("around", what, (), around, fed=around, disturbed=group)
        for site in group:
            call = excused[site]
            moved = not right_targets(reading) if call == STEP else error_of(reading, call) > trace.rounding
            if reading.failure is None and moved:
                found[site] = call
    return found


def explained(found: Mapping[Site, Site]) -> tuple[str, ...]:
    """Say which calls were passed over, and why."""
    return tuple(
        f"{site} gives or is given another value than the reference's call of that name, and {around} around it gives the "
        "reference's: code is placed otherwise there, and does no harm"
        for site, around in found.items()
    )
