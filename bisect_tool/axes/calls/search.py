"""Ask whether the code computes the same with the reference's weights, and if not, whose code it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from bisect_tool.axes.axis import Answer, Axis, Case
from bisect_tool.axes.calls.blame import blamed
from bisect_tool.axes.calls.drift import drift_notes
from bisect_tool.axes.calls.felt import with_target
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.point import Found, Suspect
from bisect_tool.axes.calls.points import MOST_CULPRITS, Searched, most_probes, search_points
from bisect_tool.axes.calls.reproduced import reproduced
from bisect_tool.axes.calls.values import with_values
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import deviation, largest
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import calls, labels
from bisect_tool.sites import STEP, Site, module_of


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Who was judged at the reference's own weights, and how.

    Attributes: ``compared`` calls, and which of them are ``dissolved``; which pieces are ``innocent``, and who is suspected;
    ``perfect`` is the reading in which all that reaches the code of ``step`` is the reference's.
    """

    perfect: Reading = field(default_factory=Reading)
    compared: tuple[Site, ...] = ()
    dissolved: frozenset[Site] = frozenset()
    innocent: frozenset[Site] = frozenset()
    suspects: tuple[Suspect, ...] = ()

    @property
    def suspected(self) -> frozenset[Site]:
        """Return the pieces of all regions that are wrong."""
        return frozenset(piece for suspect in self.suspects for piece in suspect.region.pieces)


@dataclass(frozen=True, kw_only=True)
class CallsAnswer(Answer):
    """What the code search found. ``judged`` is None where the port could not be run for it."""

    judged: Judged | None = None


def _search(case: Case) -> CallsAnswer:
    """Find the code that is wrong by itself, and what the target makes of it."""
    if case.base.failure is not None:
        return CallsAnswer(open_ends=(calls.fails(labels.REFERENCE_WEIGHTS, case.base.failure),))
    if not _can_be_forced(case):
        return _without_calls(case)
    case.log.announce(most_probes(case))
    try:
        found = search_points(case)
        return _found(case, dataclasses.replace(found, suspects=reproduced(case, found.suspects)))
    except SpentError:
        return CallsAnswer(open_ends=(calls.too_many_passes("the reference's weights"),))
    except PassError as failed:
        return CallsAnswer(open_ends=(calls.fails(labels.EVERY_LAYER, str(failed)),))


def _can_be_forced(case: Case) -> bool:
    """Tell whether a forced pass compares anything: the port calls the module of a recorded call, be the shapes others."""
    called = {module_of(call) for call in case.pair.calls}
    theirs = (call for call in case.trace.parents if module_of(call) in called and case.port.can_patch(call))
    return bool(case.trace.given) or any(theirs)


def _without_calls(case: Case) -> CallsAnswer:
    if case.target is None:
        return CallsAnswer(open_ends=(calls.NO_CALL,))
    if case.question.verdict(case.base) is Verdict.AGREES:
        return CallsAnswer()
    return CallsAnswer(open_ends=(calls.DIVERGES_WITHOUT_CALLS,))


def _found(case: Case, found: Searched) -> CallsAnswer:
    order = {site: number for number, site in enumerate((*found.own.last.rows, STEP))}
    known = sorted(blamed(case, found.suspects), key=lambda one: order.get(one[0].sites[0], -1))
    felt = with_target(case, with_values(case, known[:MOST_CULPRITS]), found.own.last)
    more = (calls.stopped_after(MOST_CULPRITS),) if len(known) > MOST_CULPRITS else ()
    doubts = dict.fromkeys(doubt for culprit in felt.culprits for doubt in culprit.doubts)
    return CallsAnswer(
        culprits=felt.culprits,
        open_ends=(*felt.open_ends, *more, *doubts, *_step_fails(case, found.own)),
        notes=(
            *found.notes,
            *_rounding(found.own),
            *_elsewhere(found),
            *_step_pulls(found.own),
            *drift_notes(case, found.own.passes),
        ),
        judged=Judged(
            perfect=found.own.last.reading,
            compared=tuple(found.own.last.rows),
            dissolved=found.own.last.dissolved,
            innocent=found.innocent,
            suspects=found.suspects,
        ),
        elsewhere=found.elsewhere - {site for one in found.suspects if not one.otherwise for site in one.pieces},
    )


def _step_fails(case: Case, found: Found) -> Iterator[str]:
    """Say that step raises once all that it reads is the reference's, where it does not as it is."""
    failed = found.last.reading.failed
    if failed is not None and case.log.crash is None and not (failed.pulls and not case.off):
        yield calls.STEP_PULLS if failed.pulls else calls.fails(labels.EVERY_LAYER, failed.message)


def _step_pulls(found: Found) -> Iterator[str]:
    """Say that the code of a step that takes gradients itself was judged by its targets alone."""
    failed = found.last.reading.failed
    if failed is not None and failed.pulls:
        yield calls.STEP_PULLS


def _elsewhere(found: Searched) -> Iterator[str]:
    guilty = {piece for suspect in found.suspects for piece in suspect.region.pieces}
    last = found.own.last
    moved = [site for site in last.rows if site in found.elsewhere and site not in guilty]
    harmless = [site for site in moved if last.region_around(site).right]
    if harmless:
        yield calls.elsewhere(harmless)


def _rounding(found: Found) -> Iterator[str]:
    """Say of each call in place that is off by more than its floor, and in float64 is not, that it only rounds."""
    for root, region in found.last.regions.items():
        exact = found.passes.exact(region)
        if root == STEP or not region.right or exact is None or exact.output is None:
            continue
        own = deviation(found.last.rows[root].output)
        if own.error > found.passes.floors.output(region):
            yield calls.only_rounds(root, calls.off_by(*own.words), largest(exact.output))


CALLS = Axis("calls", frozenset({"run"}), "no module call was judged", _search)
