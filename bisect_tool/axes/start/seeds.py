"""What the reference's own initialisations prove by themselves: fixed tensors and laws that the port does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.calls.forms import still_unsure
from bisect_tool.checks.initial.seeds import told_by_name
from bisect_tool.finding import Finding
from bisect_tool.questions.proof import Proof
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import start
from bisect_tool.sentences.evidence import StartShows
from bisect_tool.sites import Site
from bisect_tool.wrong_start import OtherStart


def told_by_seeds(case: Case) -> dict[StartShows, tuple[Finding, ...]]:
    """Return the findings about initial values that prove, by what they show."""
    found: dict[StartShows, tuple[Finding, ...]] = {
        "fixed": tuple(f for f in case.initial if f.kind != "constant for random"),
        "constant": tuple(f for f in case.initial if f.kind == "constant for random"),
        "law": tuple(f for f in case.laws if f.proves),
    }
    return found


def others(
    case: Case, told: Mapping[StartShows, Sequence[Finding]], known: Iterable[Site], *, unfelt: bool
) -> list[OtherStart]:
    """Return a culprit of each kind: all tensors of it that are sure to be the reference's, but for those that are ``known``."""
    sure, named = told_by_name(case.pair) - still_unsure(case).keys(), set(known)
    initialisations = 1 + len(case.capture.manifest.spread.seeds)
    culprits = []
    for shows, findings in told.items():
        sites = tuple(dict.fromkeys(Site(site) for f in findings for site in f.sites if site in sure - named))
        named.update(sites)
        if sites:
            speaks = Proof(start.seeds_speak(shows, initialisations), Verdict.DIVERGES)
            mine = tuple(f for f in findings if not set(sites).isdisjoint(f.sites))
            culprits.append(
                OtherStart(sites=sites, necessary=speaks, findings=mine, felt=False, shows=shows, unfelt=unfelt)
            )
    return culprits
