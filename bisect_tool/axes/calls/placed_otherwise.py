"""Calls that mean another thing on both sides and do no harm: the call around them gives the reference's value.

A port may add a residual inside a block where the reference adds it outside, or keep a bias that a batch norm takes away.
The two calls of one name then differ although nothing is wrong, and neither can stand for the other. What is around them
must feel an error of that size: a block whose gate is zero is right whatever is inside it, and excuses nobody. Where a real fault lies
beside such a call, what is around them is right once the fault alone is patched.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from bisect_tool.axes.calls.forced_pass import AMBIGUOUS, Forced, force
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of, exact_error_of
from bisect_tool.questions.question import Question
from bisect_tool.sentences import calls as sentences
from bisect_tool.sentences import labels
from bisect_tool.sites import STEP, Site

MOST_ROUNDS = 8  # each passes over at least one more call
MOST_ALONE = 6  # calls that are disturbed one by one; more of them together
FEW = 4  # calls that are asked about in float64 at a time
CLEARLY = 10  # times what rounding explains: an error that would move a call so far does not vanish in it by chance
CHANCE = 1e-3  # of what an error of some size moves the targets by; no nearer to the reference's they come by chance
MOST_HELD = 2  # kinds of faulty calls that are looked for beside calls that are placed otherwise


def conventions(question: Question, trace: Trace, off_targets: Callable[[Reading], float]) -> dict[Site, Site]:
    """Return the calls that are off although what is around them is right, each with the innermost such call.

    ``off_targets`` tells how far a run's targets are off from the reference's, over what rounding in the loss explains:
    up to 1 ``step`` excuses what is off in it. The rest is judged anew without the calls that are passed over, until
    nothing more is.
    """
    found: dict[Site, Site] = {}
    for _ in range(MOST_ROUNDS):
        more = _passed_over(question, trace.without(found), off_targets)
        if not more:
            break
        found |= more
    return found


def _passed_over(question: Question, trace: Trace, off_targets: Callable[[Reading], float]) -> dict[Site, Site]:
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
        right = _right(question, trace, inside, off_targets)
        excused = {site: call for call in inside if call in right for site in inside[call]}
        found |= _noticed(question, trace, forced, excused, off_targets)
        for call in [call for call in inside if call not in right]:  # in their order, so that runs are alike
            beside, held = _beside_a_fault(question, trace, call, inside[call], off_targets)
            excused |= beside
            found |= _noticed(question, trace, forced, beside, off_targets, held)
        pending = {s: chain[1:] for s, chain in pending.items() if s not in excused and len(chain) > 1}
    # A call that is right with what is inside it left alone is only off in the forced pass.
    return {site: around for site, around in found.items() if site not in found.values()}


def _right(
    question: Question,
    trace: Trace,
    calls: Iterable[Site],
    off_targets: Callable[[Reading], float],
    held: Sequence[Site] = (),
) -> set[Site]:
    """Return which calls give the reference's output from the reference's inputs, nothing but ``held`` patched inside them.

    ``step`` is right when the targets are.
    """
    wanted = set(calls)
    right = set()
    if STEP in wanted and off_targets(question.observe("around", labels.state_and(len(held)), held)) <= 1:
        right.add(STEP)
    known = [call for call in trace.sites if call in wanted]
    if not known:
        return right
    reading = question.observe("around", labels.around_fed(len(known), len(held)), held, known, fed=known)
    if reading.failure is not None:
        return right
    right |= {call for call in known if error_of(reading, call) <= call_floor(trace, call)}
    unclear = [call for call in known if call not in right and error_of(reading, call) < AMBIGUOUS]
    unclear.sort(key=lambda call: error_of(reading, call))
    while unclear:  # the least wrong first: where none of them is right, those that are further off are not either
        asked, unclear = unclear[:FEW], unclear[FEW:]
        what = labels.around_exact(len(asked), len(held))
        exact = question.observe("exact", what, held, asked, fed=asked, exact=asked)
        errors = {call: exact_error_of(exact, call) for call in asked}
        more = {call for call, error in errors.items() if error is not None and error <= call_floor(trace, call)}
        if not more:
            break
        right |= more
    return right


def _beside_a_fault(
    question: Question, trace: Trace, call: Site, off: Sequence[Site], off_targets: Callable[[Reading], float]
) -> tuple[dict[Site, Site], tuple[Site, ...]]:
    """Return what is off in a call that is right once a few of them are patched: the others, and those few.

    Calls of one kind are patched together, as few kinds as do. Nothing when no such choice makes the call right.
    """
    kinds = trace.kinds(off)
    if not 1 < len(kinds) <= MOST_ALONE:
        return {}, ()
    for number in range(1, min(MOST_HELD, len(kinds) - 1) + 1):
        for chosen in itertools.combinations(kinds, number):
            held = tuple(site for kind in chosen for site in kind if site in trace.sites)
            if held and _right(question, trace, [call], off_targets, held):
                return {site: call for site in off if site not in held}, held
    return {}, ()


def _noticed(
    question: Question,
    trace: Trace,
    forced: Forced,
    excused: Mapping[Site, Site],
    off_targets: Callable[[Reading], float],
    held: Collection[Site] = (),
) -> dict[Site, Site]:
    """Return those excused calls whose surroundings would feel them: an error of their size makes what is around wrong.

    That something is right in spite of an error tells only as much as any other error of that size would move it. A few
    targets come out near the reference's by chance, as the many numbers of a call's output do not.
    """
    off = off_targets(question.observe("around", labels.ALL_STATE, held))
    sites = list(excused)
    groups = [[site] for site in sites] if len(sites) <= MOST_ALONE else [sites]
    found: dict[Site, Site] = {}
    for group in groups:
        around = [call for call in dict.fromkeys(excused[site] for site in group) if call != STEP]
        sizes = {site: min(forced.off_by(site), 1.0) for site in group}
        what = labels.disturbed(group)
        reading = question.observe("around", what, held, around, fed=around, disturbed=sizes)
        for site in group:
            call = excused[site]
            moved = off_targets(reading) if call == STEP else error_of(reading, call) / call_floor(trace, call)
            by_chance = call == STEP and off > CHANCE * moved
            if reading.failure is None and moved > CLEARLY and not by_chance:
                found[site] = call
    return found


def explained(found: Mapping[Site, Site]) -> tuple[str, ...]:
    """Say which calls were passed over, and why."""
    return tuple(sentences.placed_otherwise(site, around) for site, around in found.items())
