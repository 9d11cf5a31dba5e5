"""What a run says at once, before any probe: how many names have a partner, and what differs already."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.checks.initial.laws import laws
from bisect_tool.checks.initial.start import initialisation
from bisect_tool.checks.preflight.preflight import preflight
from bisect_tool.pairing.pair import Pair
from bisect_tool.renderers.tables import MOST_ROWS
from bisect_tool.sentences import captions


def beforehand(pair: Pair) -> Iterator[str]:
    """Return in lines what is known of names, shapes, settings and initial values before the port runs."""
    described = pair.reference.described
    yield captions.partners(
        (len(pair.matching.state), len(described.state)), (len(pair.matching.modules), len(described.modules))
    )
    findings = [*preflight(pair, ran=False), *initialisation(pair), *laws(pair)]
    for finding in findings[:MOST_ROWS]:
        yield captions.known_beforehand(finding.check, finding.message)
    if len(findings) > MOST_ROWS:
        yield captions.more(len(findings) - MOST_ROWS, where="the report has them")
