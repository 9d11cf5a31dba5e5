"""Random numbers that could not be given: whoever uses them computes something else, and is not wrong by that alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from bisect_tool.axes.axis import Answer, Case
from bisect_tool.culprit import AfterTheLayers, Culprit
from bisect_tool.probes.attachment import call_of_draw
from bisect_tool.probes.reading import KeptDraw, Reading
from bisect_tool.sentences import draws
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_learning import WrongStep
from bisect_tool.wrong_start import WrongStart

DROPOUT = "dropout"  # the name of its law, see ``worker.adapters.drawing``


def doubted(case: Case) -> Case:
    """Return the case with a doubt in every culprit whose code uses random numbers that are not the reference's."""
    apart, start = _apart(case, _of_code(case)), _said(case.own.draws.kept)
    if not apart and not start:
        return case
    answers = {name: _doubted(answer, case, apart, start) for name, answer in case.answers.items()}
    return dataclasses.replace(case, answers=answers)


def notes(case: Case) -> list[str]:
    """Say which random numbers could not be given."""
    reading = _of_code(case)
    said = [what for found in _said(reading.draws.kept).values() for what in found]
    doubtful = {what for found in _apart(case, reading).values() for what in found}
    said += [what for found in _missing(case, reading).values() for what in found]
    return [draws.not_proved(what) if what in doubtful else what for what in dict.fromkeys(said)]


def _of_code(case: Case) -> Reading:
    return case.own if case.base.failure is not None else case.base


def _said(kept: Iterable[KeptDraw]) -> dict[Site, list[str]]:
    """Return what was drawn and not given, in words, by the call that draws."""
    alike = Counter((draw.site, draw.own, draw.recorded) for draw in kept)
    found: dict[Site, list[str]] = {}
    for (site, own, recorded), times in alike.items():
        found.setdefault(Site(site), []).append(draws.not_given(site, own, recorded, times - 1))
    return found


def _missing(case: Case, reading: Reading) -> dict[Site, list[str]]:
    """Return where the port draws less often than the reference, in words."""
    manifest = case.capture.manifest
    known = {call for call in manifest.calls if case.port.port_call(call) is not None}
    of = Counter(call_of_draw(manifest, draw.site, known) for draw in manifest.draws)
    times = Counter(reading.draws.given) + Counter(draw.site for draw in reading.draws.kept)
    return {site: [draws.never_drawn(site, times[site], count)] for site, count in of.items() if times[site] < count}


def _apart(case: Case, reading: Reading) -> dict[Site, list[str]]:
    """Return what makes a call differ by chance: draws that were not given, and those that may have been drawn elsewhere.

    A dropout that the reference does not have, or at another rate, is no chance: it is another function.
    """
    missing = _missing(case, reading)
    kept = _said(draw for draw in reading.draws.kept if draw.law != DROPOUT or missing)
    missing = missing if kept else {}  # a port that draws nothing of its own differs by no chance
    return {site: [*kept.get(site, ()), *missing.get(site, ())] for site in {**kept, **missing}}


def _doubted(answer: Answer, case: Case, apart: dict[Site, list[str]], start: dict[Site, list[str]]) -> Answer:
    culprits = []
    for culprit in answer.culprits:
        new = [what for what in _doubts(culprit, case, apart, start) if what not in culprit.doubts]
        culprits.append(dataclasses.replace(culprit, doubts=(*culprit.doubts, *new)))
    doubts = dict.fromkeys(doubt for culprit in culprits for doubt in culprit.doubts)
    ends = (*answer.open_ends, *(doubt for doubt in doubts if doubt not in answer.open_ends))
    return dataclasses.replace(answer, culprits=tuple(culprits), open_ends=ends)


def _doubts(culprit: Culprit, case: Case, apart: dict[Site, list[str]], start: dict[Site, list[str]]) -> Iterator[str]:
    if isinstance(culprit, WrongStep):  # from recorded gradients: nothing is drawn
        return
    if isinstance(culprit, WrongStart):
        yield from (draws.start_draws(what) for found in start.values() for what in found)
        return
    yield from (what for site in _used(culprit, case, apart) for what in apart[site])


def _used(culprit: Culprit, case: Case, sites: Iterable[Site]) -> Iterator[Site]:
    """Yield those of some calls that draw in the code that a culprit blames."""
    blamed: Collection[Site] = {STEP} if isinstance(culprit, AfterTheLayers) else culprit.sites
    for site in sites:
        chain = (site, STEP) if site == STEP else (*case.trace.chain(site), STEP)
        # Up to the first call that takes the reference's value: nobody around it sees its draws.
        seen = next((i for i, call in enumerate(chain) if call in case.trace.members), len(chain) - 1)
        if not set(chain[: seen + 1]).isdisjoint(blamed):
            yield site
