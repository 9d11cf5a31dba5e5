"""Initial values that are wrong although the target does not feel it: their own layer's output proves them.

What cannot be proved so stays a preflight finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.culprit import ConstantStart, NotLoaded
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.judging import call_floor, error_of
from bisect_tool.questions.proof import Proof
from bisect_tool.questions.question import Question
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import labels, start
from bisect_tool.sites import Site, parent_of


def owners_of(state: Sequence[Site], trace: Trace) -> dict[Site, Site]:
    """Return for each tensor the first call of its module, where that can be watched."""
    return {name: Site(parent_of(name)) for name in state if parent_of(name) in trace.members}


def search_fixed(
    question: Question, state: Sequence[Site], suspects: Sequence[InitialFinding], trace: Trace
) -> NotLoaded | None:
    """Prove tensors that a port which loads weights has otherwise: their layer is wrong from the reference's inputs."""
    owners = owners_of(state, trace)
    lost = {f.site: f for f in suspects if f.kind == "not loaded" and f.site in owners}
    if not lost:
        return None
    watched = sorted({owners[site] for site in lost})
    rest = [site for site in state if site not in lost]
    own = question.observe("confirm", start.all_but(list(lost)), rest, watched, fed=watched)
    healed = question.observe("confirm", labels.ALL_STATE, state, watched, fed=watched)
    proven = tuple(site for site in lost if _healed(own, healed, owners[site], trace))
    if not proven:
        return None
    first = owners[proven[0]]
    return NotLoaded(
        sites=proven,
        sufficient=Proof(start.layer_is_right(first, error_of(healed, first)), Verdict.AGREES),
        necessary=Proof(start.layer_is_wrong(first, error_of(own, first)), Verdict.DIVERGES),
        findings=tuple(lost[site] for site in proven),
        felt=False,
    )


def _healed(own: Reading, healed: Reading, layer: Site, trace: Trace) -> bool:
    return error_of(own, layer) > call_floor(trace, layer) >= error_of(healed, layer)


def search_silent(
    question: Question, state: Sequence[Site], suspects: Sequence[InitialFinding], trace: Trace
) -> ConstantStart | None:
    """Prove tensors that start as a constant where the reference's are random: so does their layer's output, until patched."""
    owners = owners_of(state, trace)
    constant = {f.site: f for f in suspects if f.kind == "constant for random" and f.site in owners}
    if not constant:
        return None
    watched = sorted({owners[site] for site in constant})
    own = question.observe("confirm", "as it is", (), watched)
    healed = question.observe("confirm", start.named(list(constant)), constant, watched)
    proven = tuple(s for s in constant if _variation(own, owners[s]) == 0 < _variation(healed, owners[s]))
    if not proven:
        return None
    first = owners[proven[0]]
    return ConstantStart(
        sites=proven,
        sufficient=Proof(start.layer_varies(first, _variation(healed, first)), Verdict.AGREES),
        necessary=Proof(start.layer_is_constant(first), Verdict.DIVERGES),
        findings=tuple(constant[site] for site in proven),
        felt=False,
    )


def _variation(reading: Reading, site: Site) -> float:
    watched = reading.watched.get(site)
    return max((c.variation or 0.0 for c in watched.output), default=0.0) if watched else 0.0
