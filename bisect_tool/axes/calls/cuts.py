"""Which calls the target feels: cuts find them, from the last one back, and a probe tells a wrong call from a wrongly fed one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.axes.calls.blame import Looked, merged, named, same_kind, wrong_caller, wrong_calls
from bisect_tool.culprit import Culprit, held_by
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.questions.judging import inputs_off
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.search.cuts import bisect_cuts
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels
from bisect_tool.sites import STEP, Site

MOST_CULPRITS = 12


@dataclass(frozen=True)
class Felt:
    """The culprits that the target feels, and why there may be more, in words."""

    culprits: tuple[Culprit, ...] = ()
    open_ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unsettled:
    """Why the probes do not allow to name a culprit, in words."""

    why: str


def felt(search: Looked) -> Felt:
    """Find the culprits that the target feels, given that it diverges."""
    question = search.question
    culprits: list[Culprit] = []
    while len(culprits) <= MOST_CULPRITS:
        held = held_by(culprits)
        deeper = _next_culprit(search, held)
        if isinstance(deeper, Unsettled):
            return Felt(tuple(culprits), (deeper.why,))
        if not set(deeper.held) - set(held):
            return Felt(tuple(culprits), (calls.HELD_IS_NOT_ENOUGH,))
        culprits = merged(culprits, deeper)
        what = named(culprits)
        reading = question.ask("confirm", f"{what} alone", held_by(culprits))
        verdict = question.verdict(reading)
        if verdict is Verdict.UNRESOLVED:
            return Felt(tuple(culprits), (calls.fails(labels.CULPRITS_HELD, reading.failure),))
        if verdict is Verdict.AGREES:
            return Felt(_sufficient(culprits, question.proof(f"{what} alone patched", reading)))
    return Felt(tuple(culprits))


def _sufficient(culprits: Sequence[Culprit], proof: Proof) -> tuple[Culprit, ...]:
    return tuple(c if c.sufficient else dataclasses.replace(c, sufficient=proof) for c in culprits)


def _next_culprit(search: Looked, held: Sequence[Site]) -> Culprit | Unsettled:
    """Find the last culprit that the target feels."""
    question, sites = search.question, search.trace.sites

    def verdict_at(cut: int) -> Verdict:
        return question.test("search", f"up to {sites[cut - 1]}", [*held, *sites[:cut]])

    suspects, known = frozenset(search.forced.suspects), frozenset(held)
    likely = [i for i, s in enumerate(sites) if s not in known and (s in suspects or _is_fed_wrongly(search, s))]
    boundary = bisect_cuts(len(sites), verdict_at, likely=likely)
    if not boundary.exact:
        first, last = sites[boundary.low], sites[boundary.high - 1]
        return Unsettled(calls.nothing_resolved(first, last, boundary.high - boundary.low))
    changed = _changed_by_skipping(question, search.trace, held, boundary.low)
    return changed or _culprit_at(search, held, boundary.low)


def _is_fed_wrongly(search: Looked, site: Site) -> bool:
    """Tell whether a call is the innermost that is fed wrongly: what is inside it is fed first."""
    return site not in search.trace.containers and inputs_off(search.forced.reading, site, search.trace)


def _culprit_at(search: Looked, held: Sequence[Site], cut: int) -> Culprit | Unsettled:
    """Say whether the first call after a cut is itself wrong, or is fed wrongly by the code around it."""
    question, trace = search.question, search.trace
    site = trace.sites[cut]
    before = [*held, *trace.sites[:cut]]
    chain = trace.chain(site)
    reading = question.ask("confirm", labels.before(site), before, chain)
    if question.verdict(reading) is Verdict.UNRESOLVED:
        return Unsettled(calls.fails(f"{labels.before(site)} patched", reading.failure))
    necessary = question.proof(f"{labels.before(site)} patched", reading)
    if not inputs_off(reading, site, trace):
        return _wrong_by_itself(search, site, necessary)
    fed = question.ask("confirm", labels.fed(site), before, [site], fed=[site])
    if question.verdict(fed) is Verdict.DIVERGES:  # it is wrong from the right inputs too
        return _wrong_by_itself(search, site, necessary)
    fed_right = next((s for s in chain if s in reading.watched and not inputs_off(reading, s, trace)), None)
    if fed_right is not None:
        return wrong_caller(fed_right, site, reading, necessary)
    if chain[-1] not in reading.watched:
        return Unsettled(calls.fed_by_unknown(site))
    return dataclasses.replace(wrong_caller(STEP, chain[-1], reading, necessary), feeds=(site,))


def _wrong_by_itself(search: Looked, site: Site, necessary: Proof) -> Culprit | Unsettled:
    """Blame a call together with those of its kind that are wrong by themselves too."""
    own = search.forced.off.get(site)
    if own is None or not own.suspect:
        return Unsettled(calls.feels_rounding(site, search.question.target))
    return wrong_calls(search, same_kind(search, site), necessary)


def _changed_by_skipping(question: Question, trace: Trace, held: Sequence[Site], cut: int) -> Unsettled | None:
    """Run the control: the port's own values in place of computing them must not change the port by a bit.

    They do where code that is skipped draws random numbers or writes into its inputs; then a cut proves nothing.
    """
    own = dataclasses.replace(question, base=Intervention(frozenset(held)))
    kept = trace.outermost(trace.sites[:cut]) - set(held)
    if not kept:
        return None
    skipping = dataclasses.replace(own, base=own.base.keeping(kept))
    computed = own.observe("control", labels.OWN_COMPUTED)
    skipped = skipping.observe("control", labels.kept_before(trace.sites[cut]))
    before, after = computed.targets.get(question.target), skipped.targets.get(question.target)
    if before == after or (before is not None and after is not None and math.isnan(before) and math.isnan(after)):
        return None
    return Unsettled(calls.changed_by_skipping(trace.sites[cut], question.target, before, after))
