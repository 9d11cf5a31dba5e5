"""How a culprit is made of what the forced pass showed: its findings, and its proof where no target shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.axes.calls.forced_pass import Forced
from bisect_tool.culprit import Culprit, WrongCaller, WrongCalls, WrongLoss, held_by
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import worst
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels
from bisect_tool.sites import STEP, Site, module_of


@dataclass(frozen=True)
class Looked:
    """What every step of the search looks at; ``asks_target`` where what a target makes of a culprit is asked too."""

    question: Question
    trace: Trace
    forced: Forced
    asks_target: bool = True


def wrong_calls(search: Looked, group: tuple[Site, ...], necessary: Proof) -> WrongCalls:
    """Blame calls of one kind that are wrong by themselves."""
    findings = [Finding("output", group[:1], _output_sentence(search, group))]
    findings += [
        Finding("setting", group, calls.other_setting(key, theirs, ours, group[0], len(group) - 1))
        for key, (ours, theirs) in search.trace.differences.get(module_of(group[0]), {}).items()
    ]
    by_shape = group[0] in search.forced.misshapen
    return WrongCalls(sites=group, necessary=necessary, findings=tuple(findings), by_shape=by_shape)


def _output_sentence(search: Looked, group: Sequence[Site]) -> str:
    site = max(group, key=lambda s: search.forced.off[s].error)
    own = search.forced.off[site]
    off = calls.off_by(own.error, own.mismatch)
    if site in search.trace.containers:
        return calls.own_code_is_off(site, search.trace.unseen_in(site), off, own.exact, own.floor)
    return calls.call_is_off(site, off, own.exact, own.floor)


def same_kind(search: Looked, site: Site) -> tuple[Site, ...]:
    """Return the suspects that are of a call's kind, itself among them."""
    kin = {site, *search.trace.kin(site)}
    return tuple(s for s in search.forced.suspects if s in kin)


def wrong_caller(around: Site, site: Site, reading: Reading, necessary: Proof) -> WrongCaller:
    """Blame the code of a container, or of ``step``, for what it hands a call."""
    return WrongCaller(
        sites=(around,), feeds=(site,), necessary=necessary, findings=(_handed_finding(around, site, reading),)
    )


def _handed_finding(around: Site, site: Site, reading: Reading) -> Finding:
    if around == STEP:
        return Finding("inputs", (site,), calls.step_hands_on(site))
    return Finding("own code", (around,), calls.hands_on(around, site, worst(reading.watched[site].inputs)))


def wrong_loss(question: Question, trace: Trace, everything: Reading) -> WrongLoss:
    """Blame the code after the last layer: the target diverges from perfect layers."""
    proof = question.proof(labels.EVERYTHING_PATCHED, everything)
    # It is judged by what the loss alone rounds, which is less than what the question allows.
    necessary = dataclasses.replace(proof, verdict=Verdict.DIVERGES)
    finding = Finding("loss", (STEP,), calls.loss_is_wrong(question.target, trace.sites[-1]))
    return WrongLoss(sites=(STEP,), necessary=necessary, findings=(finding,))


def unfelt(search: Looked, felt: Sequence[Culprit]) -> list[Culprit]:
    """Return what is wrong by itself although the target does not feel it, or cannot be asked."""
    blamed = {site for culprit in felt for site in (*culprit.sites, *culprit.held)}
    found: list[Culprit] = []
    for site, around in search.forced.fed_wrong.items():
        if not blamed & {around, site} and around not in search.forced.suspects:
            found = merged(found, _marked_unfelt(search, _caller_by_itself(search, site, around), felt))
    blamed |= {site for culprit in found for site in culprit.sites}
    for site in search.forced.suspects:
        if site not in blamed:
            group = tuple(s for s in same_kind(search, site) if s not in blamed)
            blamed |= set(group)
            found.append(_marked_unfelt(search, _calls_by_themselves(search, group), felt))
    order = {site: index for index, site in enumerate((*search.trace.sites, *search.trace.misshapen))}
    return sorted(found, key=lambda culprit: order[culprit.held[0]])


def _caller_by_itself(search: Looked, site: Site, around: Site) -> WrongCaller:
    reading = search.forced.reading
    words = calls.shown_by_its_inputs(site, worst(reading.watched[site].inputs))
    return wrong_caller(around, site, reading, Proof(words, Verdict.DIVERGES))


def _calls_by_themselves(search: Looked, group: tuple[Site, ...]) -> WrongCalls:
    own = search.forced.off[group[0]]
    words = calls.shown_by_itself(group[0], calls.value_off(own.error, own.mismatch))
    return wrong_calls(search, group, Proof(words, Verdict.DIVERGES))


def _marked_unfelt(search: Looked, culprit: Culprit, felt: Sequence[Culprit]) -> Culprit:
    """Mark a culprit as unfelt, with the probe that shows what the target makes of its being held, where it can be asked."""
    question = search.question
    loss_is_wrong = any(not c.held for c in felt)
    by_shape = isinstance(culprit, WrongCalls) and culprit.by_shape
    if loss_is_wrong or by_shape or not search.asks_target:
        return dataclasses.replace(culprit, felt=False)
    what = named([culprit])
    reading = question.ask("confirm", f"{what} held", [*held_by(felt), *culprit.held])
    return dataclasses.replace(culprit, sufficient=question.proof(f"{what} patched", reading), felt=False)


def named(culprits: Sequence[Culprit]) -> str:
    """Name what is patched to heal some culprits."""
    return labels.these(len(culprits), culprits[0].held)


def merged(culprits: list[Culprit], new: Culprit) -> list[Culprit]:
    """Return some culprits and one more, those of the same sites as one."""
    for index, old in enumerate(culprits):
        if old.sites == new.sites:
            both = dataclasses.replace(old, findings=(*old.findings, *new.findings))
            if isinstance(both, WrongCaller) and isinstance(new, WrongCaller):
                both = dataclasses.replace(both, feeds=(*both.feeds, *new.feeds))
            return [*culprits[:index], both, *culprits[index + 1 :]]
    return [*culprits, new]


def rounding_notes(forced: Forced) -> tuple[str, ...]:
    """Say of each call that is off by much and right in float64 that it only rounds."""
    return tuple(
        calls.only_rounds(site, calls.off_by(own.error, own.mismatch), own.exact)
        for site, own in forced.off.items()
        if not own.suspect and own.exact is not None
    )
