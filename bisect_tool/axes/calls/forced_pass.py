"""The forced pass: every call computed from the reference's inputs, compared, and replaced before anything reads it.

It shows each call's own error, which no other call's can hide: a few runs for the whole model. A call is suspect
when it is off by more than rounding explains, also when it is computed in float64 (docs/tolerance.md).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, deviation, error_of, exact_error_of, inputs_off, largest
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import SAFETY, UNCHECKED
from bisect_tool.sentences import labels
from bisect_tool.sites import STEP, Site, module_of

AMBIGUOUS = 1e-2  # what is computed in float32, from the right inputs, is not made this wrong by rounding alone
LEAST = 2  # calls of one kind that are asked about in float64: the least wrong, and the worst


@dataclass(frozen=True)
class OwnError:
    """How far a call is off from the reference's inputs and weights, relatively.

    Attributes: ``error`` in float32 and ``exact`` in float64 (None where its code does not run in it, or where it was
    not asked since float64 confirms others ``of_its_kind``), ``floor`` (what rounding explains), ``mismatch`` (why it does
    not compare).
    """

    error: float
    exact: float | None
    floor: float
    mismatch: str | None = None
    of_its_kind: bool = False

    @property
    def suspect(self) -> bool:
        """Tell whether rounding does not explain it: it never makes infinity of a number, whatever float64 says."""
        if math.isinf(self.error):
            return True
        if self.exact is None:
            return self.error > (self.floor if self.of_its_kind else max(self.floor, UNCHECKED))
        return self.error > self.floor and self.exact > self.floor


@dataclass(frozen=True)
class Forced:
    """What the forced pass showed.

    Attributes:
        reading: the pass itself; its targets are what the code after the last call makes of perfect layers.
        off: own errors above the floor, by site, those that float64 clears included.
        fed_wrong: calls that are handed other inputs than the reference's, to the call whose own code does it.
        misshapen: suspects whose output has another shape than the reference's.
        intervention: what was run in the end, but for float64.

    """

    reading: Reading
    off: Mapping[Site, OwnError] = field(default_factory=dict)
    fed_wrong: Mapping[Site, Site] = field(default_factory=dict)
    misshapen: tuple[Site, ...] = ()
    intervention: Intervention = field(default_factory=Intervention)

    def off_by(self, site: Site) -> float:
        """Return how far a call is off that is wrong by itself or handed something else: its output or its inputs."""
        own, watched = self.off.get(site), self.reading.watched.get(site)
        return max(own.error if own else 0.0, largest(watched.inputs) if watched else 0.0)

    @functools.cached_property
    def suspects(self) -> list[Site]:
        """Return the calls that are wrong by themselves, in execution order."""
        return [site for site, own in self.off.items() if own.suspect]


def force(question: Question, trace: Trace) -> Forced:
    """Run the forced pass on top of a question's base: once, again where calls are fed wrongly, again in float64."""
    sites = trace.sites
    first = question.ask("forced", labels.FORCED, sites, (*sites, *trace.misshapen))
    if first.failure is not None:
        return Forced(first)
    fed = [site for site in sites if inputs_off(first, site, trace)]
    reading = first
    if fed:
        reading = question.ask("forced", labels.some_fed(len(fed)), sites, sites, fed=fed)
        if reading.failure is not None:
            reading, sites = first, tuple(site for site in sites if site not in fed)
    fed = fed if reading is not first else []
    above = [site for site in sites if error_of(reading, site) > call_floor(trace, site)]
    fed_wrong = _fed_wrong(trace, first, reading)
    unclear = {around for site, around in fed_wrong.items() if around != STEP and _slightly_off(reading, site)}
    asked = unclear | _sample(trace, {site: error_of(reading, site) for site in above})
    exact = _exactly(question, trace, fed, [site for site in sites if site in asked])
    if any(_clears(trace, exact, site) for site in asked & set(above)):
        asked = unclear | set(above)
        exact = _exactly(question, trace, fed, [site for site in sites if site in asked])
    misshapen = _misshapen(trace, first)
    excused = _reading_what_stays_wrong(trace, misshapen)
    judged = [site for site in above if site not in excused]
    off = {site: _judged(trace, reading, exact, site, of_its_kind=site not in asked) for site in judged}
    off |= {site: OwnError(math.inf, None, 0.0, deviation(first.watched[site].output).mismatch) for site in misshapen}
    fed_wrong = {
        site: around
        for site, around in fed_wrong.items()
        if around not in excused and not _handed_exactly(exact, site, trace)
    }
    return Forced(first, off, fed_wrong, misshapen, question.base.patching(trace.sites).feeding(fed))


def _exactly(question: Question, trace: Trace, fed: Sequence[Site], asked: Sequence[Site]) -> Reading:
    """Run the pass with some calls in float64 too, from the reference's very inputs where the calls take them."""
    if not asked:
        return Reading()
    what, everywhere = labels.some_exact(len(asked)), (*fed, *asked)
    reading = question.observe("exact", what, trace.sites, trace.sites, fed=everywhere, exact=asked)
    if reading.failure is None:
        return reading
    as_fed = labels.some_exact(len(asked), fed_by_port=True)
    return question.observe("exact", as_fed, trace.sites, trace.sites, fed=fed, exact=asked)


def _sample(trace: Trace, errors: Mapping[Site, float]) -> set[Site]:
    """Return the calls to ask about in float64: of a kind whose settings differ in the same way, a few.

    Where float64 confirms the least wrong, it need not be asked about the others: they differ by the same setting.
    """
    found: set[Site] = set()
    for kin in trace.kinds(errors):
        ordered = sorted(kin, key=lambda s: errors[s])
        found |= {*ordered[:LEAST], ordered[-1]} if module_of(kin[0]) in trace.differences else set(kin)
    return found


def _clears(trace: Trace, exact: Reading, site: Site) -> bool:
    error = exact_error_of(exact, site)
    return error is None or error <= call_floor(trace, site)


def _slightly_off(reading: Reading, site: Site) -> bool:
    return largest(reading.watched[site].inputs) < AMBIGUOUS


def _handed_exactly(exact: Reading, site: Site, trace: Trace) -> bool:
    """Tell whether the code around a call, computed in float64, hands it the reference's inputs: then it only rounded."""
    watched = exact.watched.get(site)
    if watched is None or watched.exact_inputs is None:
        return False
    return not any(c.exceeds(SAFETY * trace.rounding) for c in watched.exact_inputs)


def _misshapen(trace: Trace, reading: Reading) -> tuple[Site, ...]:
    """Return the innermost calls whose outputs have another shape although their inputs are the reference's."""
    found = [s for s in trace.misshapen if math.isinf(error_of(reading, s)) and not inputs_off(reading, s, trace)]
    return tuple(site for site in found if not any(site in trace.chain(other)[1:] for other in found))


def _reading_what_stays_wrong(trace: Trace, misshapen: Sequence[Site]) -> set[Site]:
    """Return the calls whose own code reads an output that cannot be replaced: they are wrong by that, if they are."""
    found: set[Site] = set()
    for site in misshapen:
        for around in (*trace.chain(site)[1:], STEP):
            found.add(around)
            if around in trace.members:
                break
    return found


def _fed_wrong(trace: Trace, first: Reading, reading: Reading) -> dict[Site, Site]:
    """Return the wrongly fed calls to the call around each, whose own code does it since it is itself fed right."""
    found = {}
    for site in trace.sites:
        around = trace.chain(site)[1:]
        if not inputs_off(reading, site, trace):
            continue
        if not around:
            found[site] = STEP
        elif around[0] in reading.watched and (reading is not first or not inputs_off(reading, around[0], trace)):
            found[site] = around[0]
    return found


def _judged(trace: Trace, reading: Reading, exact: Reading, site: Site, *, of_its_kind: bool) -> OwnError:
    off = deviation(reading.watched[site].output)
    return OwnError(off.error, exact_error_of(exact, site), call_floor(trace, site), off.mismatch, of_its_kind)
