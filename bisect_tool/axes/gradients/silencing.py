"""Initial values that keep the gradient from other parameters: the port's own, where the reference's let it pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bisect_tool.axes.gradients.passes import Backward, own_pass
from bisect_tool.axes.gradients.triage import port_kinds, reference_kinds, silent
from bisect_tool.culprit import Culprit
from bisect_tool.finding import Finding
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import learning as sentences
from bisect_tool.sites import Site
from bisect_tool.wrong_start import OtherStart, SilencingStart


def silencing(asked: Backward, whole: Reading, own: Reading, constants: Sequence[Finding]) -> Iterator[SilencingStart]:
    """Yield the initial values that are to blame for what goes without a gradient in the port's ``own`` pass alone.

    ``constants`` are initial values that are constant on one side only; what is silent with the reference's values too, in
    the pass ``whole``, is not theirs.
    """
    known = silent(reference_kinds(asked.pair.reference, asked.gradients)) | _silent_in(asked, whole)
    fits = {ours.name for ours, theirs in asked.pair.state() if ours.shape == theirs.shape}
    sites = tuple(Site(site) for finding in constants for site in finding.sites if site in fits)
    lost = sorted(_silent_in(asked, own) - known)
    if not lost or not sites:
        return
    others = sorted(asked.question.base.patched - set(sites))
    healed = own_pass(asked, sites, sentences.alone_given(sites))
    before = own_pass(asked, others, sentences.all_but_given(sites))
    yield SilencingStart(
        sites=sites,
        sufficient=_proof(sentences.THESE_ALONE, healed, _silent_in(asked, healed) - known),
        necessary=_proof(sentences.ALL_BUT_THESE, before, _silent_in(asked, before) - known),
        findings=(*constants, Finding("silenced", tuple(lost), sentences.silenced(lost))),
    )


def more_telling(found: Sequence[Culprit], known: Iterable[Culprit]) -> dict[Culprit, tuple[Culprit, ...]]:
    """Return what takes the place of initial values that are blamed already: that they silence others says more."""
    silencers = [culprit for culprit in found if isinstance(culprit, SilencingStart) and culprit.confirmed]
    return {
        old: (new,)
        for old in known
        for new in silencers
        if isinstance(old, OtherStart) and set(old.sites) <= set(new.sites)
    }


def _silent_in(asked: Backward, reading: Reading) -> set[str]:
    return silent(port_kinds(asked.gradients, reading.gradients))


def _proof(what: str, reading: Reading, silenced: set[str]) -> Proof:
    verdict = Verdict.DIVERGES if silenced else Verdict.AGREES
    if reading.failure is not None:
        verdict = Verdict.UNRESOLVED
    return Proof(what, verdict, sentences.SILENCED, float(len(silenced)))
