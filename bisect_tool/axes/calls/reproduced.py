"""The reference is asked what its port was asked: code that it does not get right either, run call by call, proves nothing.

A pass hands calls values that were recorded. What code does by other ways (it writes into a list that it is handed, or asks of what
class a tensor is) is not in them. So whoever is suspected is looked at in the same pass of the reference itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.passes import Passes
from bisect_tool.axes.calls.point import Suspect
from bisect_tool.probes.interface import Port
from bisect_tool.probes.reading import Reading
from bisect_tool.sentences import calls as sentences
from bisect_tool.sites import Site


def reproduced(case: Case, suspects: Sequence[Suspect]) -> tuple[Suspect, ...]:
    """Return the suspects, with a doubt about those whom the reference does not reproduce; as they are where it cannot be run."""
    reference = case.reference() if any(suspect.proved for suspect in suspects) else None
    if reference is None:
        return tuple(suspects)
    return tuple(_asked_of(reference, suspect) if suspect.proved else suspect for suspect in suspects)


def _asked_of(reference: Port, suspect: Suspect) -> Suspect:
    passes, dissolved = suspect.passes, suspect.seen.dissolved
    reading = reference.run(passes.question.base.forcing(dissolved))
    came_to = reading.failure is None or (reading.failed is not None and suspect.region.root in reading.watched)
    if came_to and not _is_wrong(passes, reading, dissolved, suspect.region.root):
        return suspect
    words = sentences.not_reproduced(suspect.region.root, None if came_to else reading.failure)
    region = dataclasses.replace(suspect.region, unknown=(*suspect.region.unknown, words))
    return dataclasses.replace(suspect, region=region)


def _is_wrong(passes: Passes, reading: Reading, dissolved: frozenset[Site], root: Site) -> bool:
    """Tell whether the region of a call is wrong in a pass of the reference itself; one that it does not make tells nothing."""
    region = passes.regions_of(reading, dissolved).get(root)
    return region is not None and region.verdict != "right"
