"""Ask whether the code computes the same with the reference's weights, and if not, which call is to blame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bisect_tool.compare.tolerance import SAFETY
from bisect_tool.culprit import Culprit, Proof, proof
from bisect_tool.finding import Finding, counted
from bisect_tool.probes.intervention import Comparison, Intervention, Reading
from bisect_tool.questions import Question
from bisect_tool.search.cuts import bisect_cuts
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site, module_of
from bisect_tool.trace import Trace

MOST_CULPRITS = 12
STEP = Site("step")  # the recipe's own code around the modules: it has no call that could be patched
EVERYTHING = "everything patched, each site computed"


@dataclass(frozen=True)
class CodeAnswer:
    """What the code search found.

    Attributes: ``culprits``, ``open_ends`` (what it could not settle, in words), ``unfelt`` (calls that are off from
    perfect inputs although the target does not feel it, in words).
    """

    culprits: tuple[Culprit, ...]
    open_ends: tuple[str, ...] = ()
    unfelt: tuple[str, ...] = ()

    @property
    def held(self) -> tuple[Site, ...]:
        """Return what is patched to heal all culprits."""
        return tuple(dict.fromkeys(site for culprit in self.culprits for site in culprit.held))


@dataclass(frozen=True)
class _Search:
    """What every step of the search looks at: ``forced`` has each site's own error, from perfect inputs."""

    question: Question
    trace: Trace
    forced: Reading


def search_code(question: Question, trace: Trace) -> CodeAnswer:
    """Find every call whose own code makes the target diverge, the last in execution order first.

    The question's base must diverge. One run with everything patched and everything computed all the same shows
    which sites are off by themselves: they say where to cut first, no more. Each culprit is held while the search
    goes on; when the target agrees, the inputs of what is held or blamed are looked at, since a held culprit hides
    whatever goes wrong before it.
    """
    forced = question.ask("ends", EVERYTHING, trace.sites, trace.sites)
    if question.verdict(forced) is Verdict.UNRESOLVED:
        return CodeAnswer((), (f"the port fails with every layer patched: {forced.failure}",))
    if question.verdict(forced) is Verdict.DIVERGES:
        return CodeAnswer((_after_the_last(question, trace, forced),))
    search = _Search(question, trace, forced)
    culprits: list[Culprit] = []
    current = question  # diverges, given what is held
    while len(culprits) < MOST_CULPRITS:
        held = CodeAnswer(tuple(culprits)).held
        deeper = _narrow(dataclasses.replace(search, question=current), held)
        if isinstance(deeper, str) or not set(deeper.held) - set(held):
            why = deeper if isinstance(deeper, str) else "holding what was found does not change the target further"
            return CodeAnswer(tuple(culprits), (why,))
        if current.on_input is not None:
            at = current.on_input[0]
            doubt = f"{_these([deeper])} feeds {at} another value; whether the target feels it cannot be asked while {at} is wrong"
            deeper = dataclasses.replace(deeper, doubts=(*deeper.doubts, doubt))
        culprits = _merged(culprits, deeper)
        held = CodeAnswer(tuple(culprits)).held
        watched = [*held, *(site for c in culprits if c.fed_wrong for site in c.sites if site != STEP)]
        reading = question.ask("confirm", f"{_these(culprits)} alone", held, watched)
        verdict = question.verdict(reading)
        if verdict is Verdict.UNRESOLVED:
            return CodeAnswer(tuple(culprits), (f"the port fails with the culprits held: {reading.failure}",))
        current = question
        if verdict is Verdict.AGREES:
            culprits = _confirmed(question, culprits, reading)
            hidden = _hidden(search, watched, reading)
            if hidden is None:
                return CodeAnswer(tuple(culprits), unfelt=_unfelt(search, culprits))
            current = hidden
    return CodeAnswer(tuple(culprits), (f"stopped after {MOST_CULPRITS} culprits: there may be more",))


def _narrow(search: _Search, held: Sequence[Site]) -> Culprit | str:
    """Find the last culprit that the question feels; a sentence when the probes do not allow to name one."""
    question, sites = search.question, search.trace.sites
    end = len(sites) if question.on_input is None else sites.index(question.on_input[0])
    held = [site for site in held if sites.index(site) < end]  # a patch around the site asked for would skip it

    def verdict_at(cut: int) -> Verdict:
        return question.test("search", f"up to {sites[cut - 1]}", [*held, *sites[:cut]])

    suspects = [i for i, site in enumerate(sites[:end]) if site not in held and _is_suspect(search, site)]
    boundary = bisect_cuts(end, verdict_at, likely=suspects)
    if boundary.exact:
        return _changed_by_skipping(question, search.trace, held, boundary.low) or _locate(search, held, boundary.low)
    return (
        f"between {sites[boundary.low]} and {sites[boundary.high - 1]} every probe failed: "
        f"the culprit is one of these {boundary.high - boundary.low} sites"
    )


def _is_suspect(search: _Search, site: Site) -> bool:
    """Tell whether a call is off by itself, or is the innermost that is fed wrongly: what is inside it is fed first."""
    watched = search.forced.watched.get(site)
    if watched is None:
        return False
    limit = SAFETY * search.trace.rounding
    fed_wrong = site not in search.trace.containers and any(c.exceeds(limit) for c in watched.inputs)
    return fed_wrong or any(c.exceeds(limit) for c in watched.output)


def _locate(search: _Search, held: Sequence[Site], cut: int) -> Culprit | str:
    """Say whether the first call after a cut is itself wrong, or is fed wrongly by the code around it."""
    question, trace = search.question, search.trace
    site = trace.sites[cut]
    chain = trace.chain(site)
    reading = question.ask("confirm", f"everything before {site}", [*held, *trace.sites[:cut]], chain)
    if question.verdict(reading) is Verdict.UNRESOLVED:
        return f"the port fails with everything before {site} patched: {reading.failure}"
    necessary = proof(question.verdict(reading), reading, question.target, f"everything before {site} patched")
    limit = SAFETY * trace.rounding
    if _inputs_off(reading, site, limit):
        fed = question.ask(
            "confirm", f"{site} fed the reference's inputs", [*held, *trace.sites[:cut]], [site], fed=[site]
        )
        if question.verdict(fed) is Verdict.DIVERGES:  # it is wrong from the right inputs too
            return _with_kin(search, site, fed, necessary)
    else:
        return _with_kin(search, site, reading, necessary)
    fed_right = next((s for s in chain if s in reading.watched and not _inputs_off(reading, s, limit)), None)
    if fed_right is None and chain[-1] not in reading.watched:
        return f"{site} is fed wrongly, by a call around it that the capture leaves out"
    if fed_right is None:
        message = f"{chain[-1]} is handed other inputs than the reference's: the code of step, or the batch"
        return Culprit("code", (STEP,), (site,), site, None, necessary, (Finding("inputs", (chain[-1],), message),))
    message = (
        f"the own code of {fed_right} hands {site} {_worst(reading.watched[site].inputs)}, "
        f"although all that it computes this from is the reference's"
    )
    return Culprit("code", (fed_right,), (site,), site, None, necessary, (Finding("own code", (fed_right,), message),))


def _changed_by_skipping(question: Question, trace: Trace, held: Sequence[Site], cut: int) -> str | None:
    """Run the control: the port's own values in place of computing them must not change the port by a bit.

    They do where code that is skipped draws random numbers or writes into its inputs; then a cut proves nothing.
    """
    own = dataclasses.replace(question, base=Intervention(frozenset(held)), on_input=None)
    kept = trace.outermost(trace.sites[:cut]) - set(held)
    if not kept:
        return None
    skipping = dataclasses.replace(own, base=own.base.keeping(kept))
    computed = own.ask("control", "own values, computed")
    skipped = skipping.ask("control", f"own values, kept before {trace.sites[cut]}")
    before, after = computed.targets.get(question.target), skipped.targets.get(question.target)
    if before == after or (before is not None and after is not None and math.isnan(before) and math.isnan(after)):
        return None
    return (
        f"not computing what comes before {trace.sites[cut]} changes the port by itself ({question.target} {before}, then "
        f"{after}): its code writes into values it was given, or draws random numbers, and cuts prove nothing there"
    )


def _with_kin(search: _Search, site: Site, reading: Reading, necessary: Proof) -> Culprit:
    """Blame a call together with those that are wrong in the same way, each measured from perfect inputs.

    Calls that share a wrong setting count when they are off at all; calls that share only their class must be
    off by a like amount, since honest rounding is not the same in every layer.
    """
    trace = search.trace
    module = module_of(site)
    different = trace.differences.get(module, {})
    own_error = _error(reading, site)
    limit = trace.rounding if different else max(10 * trace.rounding, own_error / 5)
    kin = [s for s in trace.kin(site) if not _inputs_off(search.forced, s, SAFETY * trace.rounding)]
    group = [s for s in trace.sites if s == site or (s in kin and _error(search.forced, s) > limit)]
    message = f"{site} gives {_worst(reading.watched[site].output)} from the reference's inputs and weights"
    if site in trace.containers:
        message = f"the own code of {message}, although every recorded call inside it is the reference's"
    findings = [Finding("output", (site,), message)]
    also = f" and {counted(len(group) - 1, 'other call')} like it" if len(group) > 1 else ""
    findings += [
        Finding("setting", tuple(group), f"{key} {theirs}, reference {ours}: {site}{also}")
        for key, (ours, theirs) in different.items()
    ]
    return Culprit("code", tuple(group), tuple(group), None, None, necessary, tuple(findings))


def _hidden(search: _Search, watched: Sequence[Site], reading: Reading) -> Question | None:
    """Return the question that asks for the inputs of the first watched call that is fed wrongly, if any is."""
    sites = search.trace.sites
    for site in sorted(watched, key=sites.index):
        index = sites.index(site)
        limit = SAFETY * max([search.trace.rounding, *(search.trace.noise.get(s, 0.0) for s in sites[:index])])
        if index and _inputs_off(reading, site, limit) and not _inputs_off(search.forced, site, limit):
            return dataclasses.replace(search.question, on_input=(site, limit))
    return None


def _unfelt(search: _Search, culprits: Sequence[Culprit]) -> tuple[str, ...]:
    blamed = {site for culprit in culprits for site in (*culprit.sites, *culprit.held)}
    limit = 10 * search.trace.rounding  # well above what honest rounding does to one layer
    return tuple(
        f"{site} gives {_worst(search.forced.watched[site].output)} from the reference's inputs; "
        f"with the culprits held {search.question.target} does not feel it"
        for site in search.trace.sites
        if site not in blamed
        and _error(search.forced, site) > limit
        and not _inputs_off(search.forced, site, SAFETY * search.trace.rounding)
    )


def _confirmed(question: Question, culprits: Sequence[Culprit], reading: Reading) -> list[Culprit]:
    sufficient = proof(question.verdict(reading), reading, question.target, f"{_these(culprits)} alone patched")
    return [c if c.sufficient else dataclasses.replace(c, sufficient=sufficient) for c in culprits]


def _these(culprits: Sequence[Culprit]) -> str:
    if len(culprits) > 1:
        return f"these {len(culprits)} culprits"
    held = culprits[0].held
    return held[0] if len(held) == 1 else f"these {len(held)} calls"


def _merged(culprits: list[Culprit], new: Culprit) -> list[Culprit]:
    for index, old in enumerate(culprits):
        if old.sites == new.sites:
            both = dataclasses.replace(old, held=(*old.held, *new.held), findings=(*old.findings, *new.findings))
            return [*culprits[:index], both, *culprits[index + 1 :]]
    return [*culprits, new]


def _after_the_last(question: Question, trace: Trace, everything: Reading) -> Culprit:
    message = (
        f"with every layer's output, parameter and buffer the reference's, {question.target} still diverges: "
        f"the fault lies after the last layer ({trace.sites[-1]}), in the loss"
    )
    necessary = proof(Verdict.DIVERGES, everything, question.target, "every layer, parameter and buffer patched")
    return Culprit("code", (STEP,), (), None, None, necessary, (Finding("loss", (STEP,), message),))


def _inputs_off(reading: Reading, site: Site, limit: float) -> bool:
    watched = reading.watched.get(site)
    return watched is not None and any(c.exceeds(limit) for c in watched.inputs)


def _error(reading: Reading, site: Site) -> float:
    watched = reading.watched.get(site)
    if watched is None:
        return 0.0
    return max((math.inf if c.mismatch else c.error or 0.0 for c in watched.output), default=0.0)


def _worst(comparisons: Sequence[Comparison]) -> str:
    mismatch = next((c.mismatch for c in comparisons if c.mismatch), None)
    if mismatch:
        return mismatch
    error = max((c.error or 0.0 for c in comparisons), default=0.0)
    if error >= 10:
        return f"a value that is off by {error:.3g} times its size"
    return f"a value that is off by {error:.2%}" if error >= 1e-4 else f"a value that is off by {error:.1e} (relative)"
