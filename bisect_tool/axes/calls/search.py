"""Ask whether the code computes the same with the reference's weights, and if not, which call is to blame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.doubts import doubted
from bisect_tool.axes.calls.forced_pass import Forced, force
from bisect_tool.axes.calls.values import with_values
from bisect_tool.culprit import Culprit, WrongCaller, WrongCalls, WrongLoss, held_by
from bisect_tool.finding import Finding, counted, listed
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import inputs_off, worst
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.cuts import bisect_cuts
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site, module_of

MOST_CULPRITS = 12


@dataclass(frozen=True, kw_only=True)
class CallsAnswer(Answer):
    """What the code search found. ``forced`` is the forced pass, where it could be run."""

    forced: Forced | None = None


@dataclass(frozen=True)
class _Looked:
    """What every step of the search looks at; ``asks_target`` where what a target makes of a culprit is asked too."""

    question: Question
    trace: Trace
    forced: Forced
    asks_target: bool = True


def _search(case: Case) -> CallsAnswer:
    """Find the calls whose own code is wrong: those that the target feels, or without a target each by itself."""
    found = _asked(case)
    if found.forced is not None and "values" in case.port.capabilities:
        found = dataclasses.replace(
            found, culprits=with_values(found.culprits, found.forced, case.trace, case.port, case.capture)
        )
    return doubted(found, case.pair, case.trace, case.state)


def _asked(case: Case) -> CallsAnswer:
    if case.base.failure is not None:
        return CallsAnswer(open_ends=(f"the port fails with the reference's weights: {case.base.failure}",))
    if case.trace.sites:
        if case.target is None:
            return search_local(case.questions, case.trace)
        asked = case.questions[case.target]
        return search_code(asked.question, case.trace, asked.loss)
    if case.target is None:
        return CallsAnswer(open_ends=("no module call has a partner that could be patched",))
    if case.question.verdict(case.base) is Verdict.AGREES:
        return CallsAnswer()
    return CallsAnswer(open_ends=("the code diverges, but no module call has a partner that could be patched",))


def search_code(question: Question, trace: Trace, loss: Interval) -> CallsAnswer:
    """Find every call whose own code is wrong: first those that the target feels, the last in execution order first.

    The forced pass shows each call's own error, and whether the code after the last call makes the reference's
    target (within ``loss``) of perfect layers. Where the target diverges, cuts prove which call it feels. Each culprit
    is held while the search goes on. What is wrong by itself and not felt is named too.
    """
    forced = force(question, trace)
    if forced.reading.failure is not None:
        return CallsAnswer(open_ends=(f"the port fails with every layer patched: {forced.reading.failure}",))
    search = _Looked(question, trace, forced)
    if forced.misshapen:
        found = CallsAnswer(
            open_ends=(f"{question.target} cannot be judged while {listed(forced.misshapen)} cannot be replaced",)
        )
    elif not loss.holds(forced.reading.targets.get(question.target, math.nan)):
        found = CallsAnswer(culprits=(_after_the_last(question, trace, forced.reading),))
    elif question.verdict(question.ask("split", "all parameters and buffers")) is Verdict.AGREES:
        found = CallsAnswer()
    else:
        found = _felt(search)
    return _whole((*found.culprits, *_unfelt(search, found.culprits)), found.open_ends, forced)


def search_local(questions: Mapping[str, TargetQuestion], trace: Trace) -> CallsAnswer:
    """Find every call that is wrong by itself, and every target that perfect layers do not make right.

    One forced pass; no target is bisected. ``questions`` has each target's question and loss interval.
    """
    question = next(iter(questions.values())).question
    forced = force(question, trace)
    if forced.reading.failure is not None:
        return CallsAnswer(open_ends=(f"the port fails with every layer patched: {forced.reading.failure}",))
    wrong: list[Culprit] = []
    for target, asked in questions.items():
        value = forced.reading.targets.get(target, math.nan)
        if not forced.misshapen and not asked.loss.holds(value):
            wrong = _merged(wrong, _after_the_last(asked.question, trace, forced.reading))
    search = _Looked(question, trace, forced, asks_target=False)
    return _whole((*wrong, *_unfelt(search, ())), (), forced)


def _whole(culprits: tuple[Culprit, ...], open_ends: tuple[str, ...], forced: Forced) -> CallsAnswer:
    more = (f"stopped after {MOST_CULPRITS} culprits: there may be more",) if len(culprits) > MOST_CULPRITS else ()
    rounded = tuple(
        f"{site} gives {own.words} from the reference's inputs: rounding, since in float64 it is off by {own.exact:.1e}"
        for site, own in forced.off.items()
        if not own.suspect and own.exact is not None
    )
    return CallsAnswer(culprits=culprits[:MOST_CULPRITS], open_ends=(*open_ends, *more), notes=rounded, forced=forced)


def _felt(search: _Looked) -> CallsAnswer:
    """Find the culprits that the target feels, given that it diverges."""
    question = search.question
    culprits: list[Culprit] = []
    while True:
        held = held_by(culprits)
        deeper = _narrow(search, held)
        if isinstance(deeper, str) or not set(deeper.held) - set(held):
            why = deeper if isinstance(deeper, str) else "holding what was found does not change the target further"
            return CallsAnswer(culprits=tuple(culprits), open_ends=(why,))
        culprits = _merged(culprits, deeper)
        reading = question.ask("confirm", f"{_these(culprits)} alone", held_by(culprits))
        verdict = question.verdict(reading)
        if verdict is Verdict.UNRESOLVED:
            return CallsAnswer(
                culprits=tuple(culprits), open_ends=(f"the port fails with the culprits held: {reading.failure}",)
            )
        if verdict is Verdict.AGREES:
            return CallsAnswer(culprits=tuple(_confirmed(question, culprits, reading)))
        if len(culprits) > MOST_CULPRITS:
            return CallsAnswer(culprits=tuple(culprits))


def _narrow(search: _Looked, held: Sequence[Site]) -> Culprit | str:
    """Find the last culprit that the target feels; a sentence when the probes do not allow to name one."""
    question, sites = search.question, search.trace.sites

    def verdict_at(cut: int) -> Verdict:
        return question.test("search", f"up to {sites[cut - 1]}", [*held, *sites[:cut]])

    suspects, known = frozenset(search.forced.suspects), frozenset(held)
    likely = [i for i, s in enumerate(sites) if s not in known and (s in suspects or _is_fed_wrongly(search, s))]
    boundary = bisect_cuts(len(sites), verdict_at, likely=likely)
    if boundary.exact:
        return _changed_by_skipping(question, search.trace, held, boundary.low) or _locate(search, held, boundary.low)
    return (
        f"between {sites[boundary.low]} and {sites[boundary.high - 1]} every probe failed: "
        f"the culprit is one of these {boundary.high - boundary.low} sites"
    )


def _is_fed_wrongly(search: _Looked, site: Site) -> bool:
    """Tell whether a call is the innermost that is fed wrongly: what is inside it is fed first."""
    return site not in search.trace.containers and inputs_off(search.forced.reading, site, search.trace)


def _locate(search: _Looked, held: Sequence[Site], cut: int) -> Culprit | str:
    """Say whether the first call after a cut is itself wrong, or is fed wrongly by the code around it."""
    question, trace = search.question, search.trace
    site = trace.sites[cut]
    chain = trace.chain(site)
    reading = question.ask("confirm", f"everything before {site}", [*held, *trace.sites[:cut]], chain)
    if question.verdict(reading) is Verdict.UNRESOLVED:
        return f"the port fails with everything before {site} patched: {reading.failure}"
    necessary = question.proof(f"everything before {site} patched", reading)
    if not inputs_off(reading, site, trace):
        return _itself(search, site, necessary)
    fed = question.ask("confirm", f"{site} fed the reference's inputs", [*held, *trace.sites[:cut]], [site], fed=[site])
    if question.verdict(fed) is Verdict.DIVERGES:  # it is wrong from the right inputs too
        return _itself(search, site, necessary)
    fed_right = next((s for s in chain if s in reading.watched and not inputs_off(reading, s, trace)), None)
    if fed_right is None and chain[-1] not in reading.watched:
        return f"{site} is fed wrongly, by a call around it that the capture leaves out"
    if fed_right is None:
        return WrongCaller(
            sites=(STEP,), feeds=(site,), necessary=necessary, findings=(_handed(STEP, chain[-1], reading),)
        )
    return WrongCaller(
        sites=(fed_right,), feeds=(site,), necessary=necessary, findings=(_handed(fed_right, site, reading),)
    )


def _handed(culprit: Site, site: Site, reading: Reading) -> Finding:
    if culprit == STEP:
        message = f"{site} is handed other inputs than the reference's: the code of step, or the batch"
        return Finding("inputs", (site,), message)
    message = (
        f"the own code of {culprit} hands {site} {worst(reading.watched[site].inputs)}, "
        f"although all that it computes this from is the reference's"
    )
    return Finding("own code", (culprit,), message)


def _changed_by_skipping(question: Question, trace: Trace, held: Sequence[Site], cut: int) -> str | None:
    """Run the control: the port's own values in place of computing them must not change the port by a bit.

    They do where code that is skipped draws random numbers or writes into its inputs; then a cut proves nothing.
    """
    own = dataclasses.replace(question, base=Intervention(frozenset(held)))
    kept = trace.outermost(trace.sites[:cut]) - set(held)
    if not kept:
        return None
    skipping = dataclasses.replace(own, base=own.base.keeping(kept))
    computed = own.observe("control", "own values, computed")
    skipped = skipping.observe("control", f"own values, kept before {trace.sites[cut]}")
    before, after = computed.targets.get(question.target), skipped.targets.get(question.target)
    if before == after or (before is not None and after is not None and math.isnan(before) and math.isnan(after)):
        return None
    return (
        f"not computing what comes before {trace.sites[cut]} changes the port by itself ({question.target} {before}, then "
        f"{after}): its code writes into values it was given, or draws random numbers, and cuts prove nothing there"
    )


def _itself(search: _Looked, site: Site, necessary: Proof) -> Culprit | str:
    """Blame a call together with those of its kind that are wrong by themselves too."""
    own = search.forced.off.get(site)
    if own is None or not own.suspect:
        return (
            f"the port agrees from {site} on and not before, yet {site} gives what it should from the reference's inputs, "
            f"to within rounding: {search.question.target} feels rounding more than was measured"
        )
    return _wrong_calls(search, _group(search, site), necessary)


def _group(search: _Looked, site: Site) -> tuple[Site, ...]:
    kin = {site, *search.trace.kin(site)}
    return tuple(s for s in search.forced.suspects if s in kin)


def _wrong_calls(search: _Looked, group: tuple[Site, ...], necessary: Proof) -> Culprit:
    findings = [Finding("output", group[:1], _output_words(search, group))]
    also = f" and {counted(len(group) - 1, 'other call')} like it" if len(group) > 1 else ""
    findings += [
        Finding("setting", group, f"{key} {theirs}, reference {ours}: {group[0]}{also}")
        for key, (ours, theirs) in search.trace.differences.get(module_of(group[0]), {}).items()
    ]
    by_shape = group[0] in search.forced.misshapen
    return WrongCalls(sites=group, necessary=necessary, findings=tuple(findings), by_shape=by_shape)


def _output_words(search: _Looked, group: Sequence[Site]) -> str:
    site = max(group, key=lambda s: search.forced.off[s].error)
    own = search.forced.off[site]
    words = f"{site} gives {own.words} from the reference's inputs and weights"
    if site in search.trace.containers:
        unseen = search.trace.unseen_in(site)
        part = f"the code of {site}, or of {listed(unseen)} inside it, which could not be compared," if unseen else ""
        words = words.replace(site, part or f"the own code of {site}", 1)
        words += f", although every {'other ' if unseen else ''}recorded call inside it is the reference's"
    if own.exact is not None and math.isfinite(own.exact):
        times = f"{own.exact / own.floor:,.0f}" if own.exact < 1e6 * own.floor else f"{own.exact / own.floor:.1e}"
        words += (
            f"; in float64 it is off by {own.exact:.2%} too, {times} times what rounding explains ({own.floor:.0e})"
        )
    return words


def _unfelt(search: _Looked, felt: Sequence[Culprit]) -> list[Culprit]:
    """Return what is wrong by itself although the target does not feel it, or cannot be asked."""
    blamed = {site for culprit in felt for site in (*culprit.sites, *culprit.held)}
    found: list[Culprit] = []
    for site, culprit in search.forced.fed_wrong.items():
        if not blamed & {culprit, site} and culprit not in search.forced.suspects:
            found = _merged(found, _unfelt_feeding(search, site, culprit, felt))
    blamed |= {site for culprit in found for site in culprit.sites}
    for site in search.forced.suspects:
        if site not in blamed:
            group = tuple(s for s in _group(search, site) if s not in blamed)
            blamed |= set(group)
            found.append(_local(search, _wrong_calls(search, group, _local_proof(search, group[0])), felt))
    order = {site: index for index, site in enumerate((*search.trace.sites, *search.trace.misshapen))}
    return sorted(found, key=lambda culprit: order[culprit.held[0]])


def _unfelt_feeding(search: _Looked, site: Site, culprit: Site, felt: Sequence[Culprit]) -> Culprit:
    handed = _handed(culprit, site, search.forced.reading)
    words = f"everything patched: {site} is handed {worst(search.forced.reading.watched[site].inputs)}"
    necessary = Proof(words, Verdict.DIVERGES)
    return _local(search, WrongCaller(sites=(culprit,), feeds=(site,), necessary=necessary, findings=(handed,)), felt)


def _local_proof(search: _Looked, site: Site) -> Proof:
    return Proof(f"everything before {site} patched: it gives {search.forced.off[site].words}", Verdict.DIVERGES)


def _local(search: _Looked, culprit: Culprit, felt: Sequence[Culprit]) -> Culprit:
    """Mark a culprit as unfelt, with the probe that shows what the target makes of its being held."""
    question = search.question
    unasked = any(not c.held for c in felt) or (
        isinstance(culprit, WrongCalls) and culprit.by_shape
    )  # the target cannot be asked
    if unasked or not search.asks_target:
        return dataclasses.replace(culprit, felt=False)
    held = [*held_by(felt), *culprit.held]
    reading = question.ask("confirm", f"{_these([culprit])} held", held)
    sufficient = question.proof(f"{_these([culprit])} patched", reading)
    return dataclasses.replace(culprit, sufficient=sufficient, felt=False)


def _confirmed(question: Question, culprits: Sequence[Culprit], reading: Reading) -> list[Culprit]:
    sufficient = question.proof(f"{_these(culprits)} alone patched", reading)
    return [c if c.sufficient else dataclasses.replace(c, sufficient=sufficient) for c in culprits]


def _these(culprits: Sequence[Culprit]) -> str:
    if len(culprits) > 1:
        return f"these {len(culprits)} culprits"
    held = culprits[0].held
    return held[0] if len(held) == 1 else f"these {len(held)} calls"


def _merged(culprits: list[Culprit], new: Culprit) -> list[Culprit]:
    for index, old in enumerate(culprits):
        if old.sites == new.sites:
            both = dataclasses.replace(old, findings=(*old.findings, *new.findings))
            if isinstance(both, WrongCaller) and isinstance(new, WrongCaller):
                both = dataclasses.replace(both, feeds=(*both.feeds, *new.feeds))
            return [*culprits[:index], both, *culprits[index + 1 :]]
    return [*culprits, new]


def _after_the_last(question: Question, trace: Trace, everything: Reading) -> Culprit:
    message = (
        f"with every layer's output, parameter and buffer the reference's, {question.target} still diverges: "
        f"the fault lies after the last layer ({trace.sites[-1]}), in the loss"
    )
    proof = question.proof("every layer, parameter and buffer patched", everything)
    # It is judged by what the loss alone rounds, which is less than what the question allows.
    necessary = dataclasses.replace(proof, verdict=Verdict.DIVERGES)
    return WrongLoss(sites=(STEP,), necessary=necessary, findings=(Finding("loss", (STEP,), message),))


CALLS = Axis("calls", frozenset({"run"}), "no module call was judged", _search)
