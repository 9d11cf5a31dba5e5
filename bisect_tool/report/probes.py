"""The probe log as the report keeps it, and what it cost."""

from __future__ import annotations

from bisect_tool.questions.log import LoggedProbe, ProbeLog
from bisect_tool.report.parts import ProbeRow, Probes

BESIDE = ("forced", "lines", "backward")  # phases that need kernels which no other probe needs


def probes_data(log: ProbeLog, sites: int) -> Probes:
    """Return the probe log and what it cost; ``sites`` is how many calls could be given the reference's value."""
    plain = [row for row in log.rows if row.phase not in BESIDE]
    remembered = len({intervention.kept for intervention in log.readings if intervention.kept})  # one run each
    first = plain[0].kernels if plain else None  # None where it was kept from an earlier run, too
    return Probes(
        count=len(log.rows),
        sites=sites,
        search=log.count("forced", "confirm"),
        bound=sum(bound.at_most for bound in log.bounds) if log.bounds else None,
        bound_took=sum(bound.took for bound in log.bounds),
        values=log.count("start"),
        start_passes=round(log.passes("start") + remembered, 3),
        passes=round(sum(row.share for row in log.rows) + remembered, 3),
        seconds=round(sum(row.seconds for row in log.rows), 3),
        kernels_first=first,
        kernels_after=None if first is None else sum(row.kernels or 0 for row in plain[1:]),
        log=tuple(map(_row, log.rows)),
    )


def _row(row: LoggedProbe) -> ProbeRow:
    return ProbeRow(
        phase=row.phase,
        what=row.what,
        patched=row.patched,
        quantity=row.quantity,
        value=row.value,
        verdict=None if row.verdict is None else row.verdict.value,
        seconds=round(row.seconds, 4),
        share=round(row.share, 4),
        kernels=row.kernels,
        failure=row.failure,
        left=row.left,
    )
