"""Calls that mean another thing on both sides and do no harm: the call around them gives the reference's value.

A port may add a residual inside a block where the reference adds it outside, or keep a bias that a batch norm takes away.
The two calls of one name then differ although nothing is wrong, and neither can stand for the other. What is around them
must feel them: a block whose gate is zero is right whatever is inside it, and excuses nobody. Where a real fault lies
beside such a call, what is around them is right once the fault alone is patched.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from bisect_tool.finding import counted
from bisect_tool.forced_pass import AMBIGUOUS, error_of, exact_error_of, floor_of, force
from bisect_tool.probes.intervention import Reading
from bisect_tool.questions import Question
from bisect_tool.sites import STEP, Site
from bisect_tool.trace import Trace

MOST_ROUNDS = 8  # each passes over at least one more call
MOST_ALONE = 6  # calls that are disturbed one by one; more of them together
FEW = 4  # calls that are asked about in float64 at a time
MOST_HELD = 2  # kinds of faulty calls that are looked for beside calls that are placed otherwise


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
        inside: dict[Site, list[Site]] = {}
        for site, chain in pending.items():
            inside.setdefault(chain[0], []).append(site)
        right = _right(question, trace, inside, right_targets)
        excused = {site: call for call in right for site in inside[call]}
        found |= _felt(question, trace, excused, right_targets)
        for call in inside.keys() - right:
            beside, held = _beside_a_fault(question, trace, call, inside[call], right_targets)
            excused |= beside
            found |= _felt(question, trace, beside, right_targets, held)
        pending = {s: chain[1:] for s, chain in pending.items() if s not in excused and len(chain) > 1}
    # A call that is right with what is inside it left alone is only off in the forced pass.
    return {site: around for site, around in found.items() if site not in found.values()}


def _right(
    question: Question,
    trace: Trace,
    calls: Iterable[Site],
    right_targets: Callable[[Reading], bool],
    held: Sequence[Site] = (),
) -> set[Site]:
    """Return which calls give the reference's output from the reference's inputs, nothing but ``held`` patched inside them.

    ``step`` is right when the targets are.
    """
    wanted = set(calls)
    what = f", {counted(len(held), 'call')} inside patched" if held else ""
    right = set()
    if STEP in wanted and right_targets(question.ask("around", f"all parameters and buffers{what}", held)):
        right.add(STEP)
    known = [call for call in trace.sites if call in wanted]
    if not known:
        return right
    reading = question.ask(
        "around", f"{counted(len(known), 'call')} around what is off, fed{what}", held, known, fed=known
    )
    if reading.failure is not None:
        return right
    right |= {call for call in known if error_of(reading, call) <= floor_of(trace, call)}
    unclear = [call for call in known if call not in right and error_of(reading, call) < AMBIGUOUS]
    unclear.sort(key=lambda call: error_of(reading, call))
    while unclear:  # the least wrong first: where none of them is right, those that are further off are not either
        asked, unclear = unclear[:FEW], unclear[FEW:]
        exact = question.ask("exact", f"{len(asked)} of them in float64{what}", held, asked, fed=asked, exact=asked)
        errors = {call: exact_error_of(exact, call) for call in asked}
        more = {call for call, error in errors.items() if error is not None and error <= floor_of(trace, call)}
        if not more:
            break
        right |= more
    return right


def _beside_a_fault(
    question: Question, trace: Trace, call: Site, off: Sequence[Site], right_targets: Callable[[Reading], bool]
) -> tuple[dict[Site, Site], tuple[Site, ...]]:
    """Return what is off in a call that is right once a few of them are patched: the others, and those few.

    Calls of one kind are patched together, as few kinds as do. Nothing when no such choice makes the call right.
    """
    kinds = list(dict.fromkeys(tuple(s for s in off if s in {site, *trace.kin(site)}) for site in off))
    if not 1 < len(kinds) <= MOST_ALONE:
        return {}, ()
    for number in range(1, min(MOST_HELD, len(kinds) - 1) + 1):
        for chosen in itertools.combinations(kinds, number):
            held = tuple(site for kind in chosen for site in kind if site in trace.sites)
            if held and _right(question, trace, [call], right_targets, held):
                return {site: call for site in off if site not in held}, held
    return {}, ()


def _felt(
    question: Question,
    trace: Trace,
    excused: Mapping[Site, Site],
    right_targets: Callable[[Reading], bool],
    held: Collection[Site] = (),
) -> dict[Site, Site]:
    """Return those excused calls whose surroundings feel them: disturbed on purpose, they make what is around wrong."""
    sites = list(excused)
    groups = [[site] for site in sites] if len(sites) <= MOST_ALONE else [sites]
    found: dict[Site, Site] = {}
    for group in groups:
        around = [call for call in dict.fromkeys(excused[site] for site in group) if call != STEP]
        what = f"{group[0] if len(group) == 1 else counted(len(group), 'call')} disturbed"
        reading = question.ask("around", what, held, around, fed=around, disturbed=group)
        for site in group:
            call = excused[site]
            moved = not right_targets(reading) if call == STEP else error_of(reading, call) > floor_of(trace, call)
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
