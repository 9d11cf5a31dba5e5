"""The points at which the code is asked: the reference's stirred weights first, where nothing is degenerate, then its own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.drift import drift_settled
from bisect_tool.axes.calls.leaks import with_leaks
from bisect_tool.axes.calls.passes import (
    FOR_LEAKS,
    MOST_AT_BOTH,
    MOST_PASSES,
    Floors,
    PassError,
    Passes,
    SpentError,
)
from bisect_tool.axes.calls.point import Found, Suspect, search_point
from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.checks.initial.seeds import fixed, seed_reaches
from bisect_tool.errors import BisectError, CaptureError
from bisect_tool.frameworks import known_framework
from bisect_tool.pairing.pair import Pair, batch_differs
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import MOST_SUM_ERROR, SAFETY, Interval, code_interval, loss_interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls as sentences
from bisect_tool.sentences import names
from bisect_tool.sites import STEP, Site, module_of, parent_of

MOST_CULPRITS = 12


@dataclass(frozen=True)
class Searched:
    """What was found at all points: at the reference's ``own`` weights, and who is suspected at either."""

    own: Found
    suspects: tuple[Suspect, ...]
    elsewhere: frozenset[Site]
    innocent: frozenset[Site]
    notes: tuple[str, ...] = ()


def most_probes(case: Case) -> int:
    """Return how many probes the search takes at most: its passes, and what the target makes of the culprits."""
    passes = MOST_PASSES + FOR_LEAKS if case.capture.manifest.stirred is None else MOST_AT_BOTH + 2 * FOR_LEAKS
    return passes + 1 + MOST_CULPRITS


def search_points(case: Case) -> Searched:
    """Search at stirred weights where the capture has them, then at the reference's own. Raises PassError, SpentError."""
    stirred, made, notes = _stirred(case)
    before = () if stirred is None else stirred.suspects
    fixed = frozenset[Site]() if stirred is None else stirred.elsewhere
    named = {piece for suspect in before if suspect.proved for piece in suspect.pieces}
    passes = own_passes(case)
    passes.most = min(MOST_PASSES, MOST_AT_BOTH - made)
    manifest = case.capture.manifest
    own = search_point(drift_settled(passes, case, manifest), _calls(manifest.calls), fixed, named)
    lost = _stirred_and_lost(case)
    # What could not be given at other weights, and made the difference there, is settled by its own, where they clear it.
    settled = {piece for suspect in own.suspects if suspect.proved for piece in suspect.pieces}
    open_ = [
        suspect
        for suspect in before
        if suspect.proved or not (settled.issuperset(suspect.pieces) or _is_cleared(suspect, own.innocent, lost))
    ]
    suspects = with_leaks(
        [*(_seen_at_its_own(suspect, own) for suspect in open_), *own.suspects], trains=manifest.trains
    )
    guilty = {piece for suspect in suspects for piece in suspect.pieces}
    return Searched(own, suspects, own.elsewhere, own.innocent - guilty, notes)


def _stirred(case: Case) -> tuple[Found | None, int, tuple[str, ...]]:
    """Return what was found at stirred weights, how many passes that took, and what is to be said where it could not be asked."""
    point = case.capture.manifest.stirred
    if point is None:
        return None, 0, ()
    passes = None
    try:
        passes = _stirred_passes(case, point)
        found = search_point(drift_settled(passes, case, point), _calls(point.calls))
    except SpentError:
        return None, MOST_PASSES, (sentences.too_many_passes("stirred weights"),)
    except CaptureError:
        raise
    except (PassError, BisectError) as error:  # such as of a value that the step itself overwrites
        return None, 0 if passes is None else passes.made, (sentences.stirred_fails(str(error)),)
    return found, passes.made, ()


def _seen_at_its_own(suspect: Suspect, own: Found) -> Suspect:
    """Return who was suspected at stirred weights as the pass at the reference's own shows it, where that does."""
    region = own.last.regions.get(suspect.region.root)
    if region is None or region.verdict != "wrong" or not set(suspect.pieces) <= region.pieces:
        return suspect
    seen = Suspect(region, suspect.pieces, own.last, own.passes)
    return seen if seen.proved == suspect.proved else suspect


def _is_cleared(suspect: Suspect, innocent: frozenset[Site], lost: frozenset[Site]) -> bool:
    """Tell whether who was suspected is innocent at the own weights, and what was lost alone may have made the difference."""
    return innocent.issuperset(suspect.pieces) and not lost.isdisjoint(suspect.region.pieces)


def _stirred_and_lost(case: Case) -> frozenset[Site]:
    """Return the modules that read a tensor which was stirred, and could not be given to the port."""
    point, given = case.capture.manifest.stirred, _given(case, case.capture.manifest.stirred)
    names = () if point is None else (name for name in point.stirred if name not in given)
    return frozenset(readers(case, names).values())


def _calls(recorded: Mapping[str, str | None]) -> dict[Site, Site]:
    return {Site(call): STEP if outer is None else Site(outer) for call, outer in recorded.items()}


def own_passes(case: Case, question: Question | None = None) -> Passes:
    """Return the passes at the reference's own weights; a ``question`` may give others of them."""
    tight = {name: asked.loss for name, asked in case.questions.items()}
    wide = {name: asked.question.interval for name, asked in case.questions.items()}
    floors, pairs = Floors(case.trace, tight, wide), case.pair.matching
    return Passes(question or case.question, floors, _unknown(case), _is_wrong(case), pairs.guessed, pairs.alike)


def _stirred_passes(case: Case, point: Point) -> Passes:
    noise, rounding = point.noise, case.capture.manifest.noise.rounding
    names = [name for name in case.questions if math.isfinite(point.targets.get(name, math.nan))]
    wide = {name: code_interval(point.targets[name], noise.targets.get(name, 0.0), rounding) for name in names}
    tight = {name: loss_interval(wide[name], noise.loss.get(name, math.inf), rounding) for name in names}
    trace = dataclasses.replace(case.trace, exact=noise.exact)
    question = dataclasses.replace(case.question, base=dataclasses.replace(case.question.base, point="stirred"))
    sums = SAFETY * min(case.port.sum_error, MOST_SUM_ERROR)
    floors = Floors(trace, *({n: _wider(i, sums) for n, i in reach.items()} for reach in (tight, wide)))
    pairs = case.pair.matching
    return Passes(question, floors, _unknown(case, point), _is_wrong(case), pairs.guessed, pairs.alike)


def _is_wrong(case: Case) -> bool:
    """Tell whether the port gives another target with the reference's own weights."""
    return any(asked.question.verdict(case.base) is Verdict.DIVERGES for asked in case.questions.values())


def _wider(interval: Interval, share: float) -> Interval:
    """Return an interval with room for what a framework's own sums are off by."""
    more = share * abs(interval.centre)
    return dataclasses.replace(interval, low=interval.low - more, high=interval.high + more)


def _unknown(case: Case, point: Point | None = None) -> dict[Site, tuple[str, ...]]:
    """Return for each piece what of its own could not be given the reference's value, or was only guessed, in words.

    A buffer that is the same at every seed, and that nobody writes, is a constant of the code: where the port has none of that
    name, its code has another way to it, and answers for it.
    """
    found: dict[Site, list[str]] = {}
    given = _given(case, point) | _constants(case.capture.manifest) - set(point.stirred if point else ())
    as_one = case.pair.held_as_one()
    guessed = {name for name, how in case.pair.matching.how.items() if how == "guess"}
    for name, piece in readers(case, (entry.name for entry in case.capture.manifest.described.state)).items():
        if name in as_one:
            found.setdefault(piece, []).append(sentences.held_as_one(name, as_one[name]))
        elif name not in given:
            found.setdefault(piece, []).append(sentences.state_not_given([name]))
        elif Site(name) in case.forms.unsure:
            found.setdefault(piece, []).append(names.unsure_form(name, case.forms.unsure[Site(name)]))
        elif name in guessed:
            found.setdefault(piece, []).append(sentences.state_guessed([(name, case.pair.matching.state[name])]))
    found.setdefault(STEP, []).extend(_unknown_to_step(case))
    return {piece: tuple(words) for piece, words in found.items()}


def _given(case: Case, point: Point | None) -> frozenset[str]:
    """Return the tensors that the port has the reference's values of: what it keeps in another form, unless it was stirred."""
    return frozenset({*case.state, *case.pair.tied()}) | case.forms.kept - set(point.stirred if point else ())


def _constants(manifest: Manifest) -> frozenset[str]:
    """Return the buffers that are the same at every seed, and that nobody writes."""
    if not seed_reaches(manifest):
        return frozenset()
    return frozenset(
        name for name, entry in fixed(manifest).items() if entry.kind == "buffer" and name not in manifest.left
    )


def readers(case: Case, tensors: Iterable[str]) -> dict[str, Site]:
    """Return the module whose code reads each tensor: the one that it lies in, or the next around it that the port calls."""
    called, found = {module_of(call) for call in case.pair.calls}, {}
    for name in tensors:
        owner = parent_of(name)
        while owner and owner not in called:
            owner = parent_of(owner)
        found[name] = Site(owner) if owner else STEP
    return found


def _unknown_to_step(case: Case) -> Iterator[str]:
    calls = case.capture.manifest.calls
    tops = [call for call, around in calls.items() if around is None and case.port.port_call(call) is None]
    parts = batch_differs(case.pair)
    if tops and _calls_others(case.pair):
        yield sentences.outermost_not_given(tops)
    if parts:
        yield sentences.batch_not_given(sorted(parts))


def _calls_others(pair: Pair) -> bool:
    """Tell whether the port may call modules that stand for none of the reference's: one of them may be one that lacks a partner.

    One that ``build`` did not return is code of whoever holds it, as a function is. Where there is no other, so is what the
    reference has a module for.
    """
    known = {*pair.matching.modules, *(entry.name for entry in pair.port.modules if entry.held)}
    hides = known_framework(pair.port.framework).hides_calls
    return hides or any(module_of(Site(call)) not in known for call in pair.calls)
