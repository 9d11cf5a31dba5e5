"""What the weights explain of what targets are off by, told by the runs at the ends: as the port is, and with the reference's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bisect_tool.axes.axis import Case
from bisect_tool.questions.question import verdict_on
from bisect_tool.questions.share import NEARLY_ALL, share_of_weights
from bisect_tool.search.verdict import Verdict
from bisect_tool.sentences import ruled_out, start
from bisect_tool.wrong_start import WrongStart

MOST_TARGETS = 3


class _Values(NamedTuple):
    """A target as the port is, with the reference's weights, and in the reference."""

    own: float
    given: float
    reference: float

    @property
    def share(self) -> float:
        return share_of_weights(self.reference, self.own, self.given)


def mostly_the_weights(case: Case) -> str:
    """Say which targets the reference's weights bring nearly all the way, "" where there is none.

    Nothing is said of a target that starts where one more initialisation may, nor of one whose start is blamed by itself.
    """
    said = {c.sufficient.quantity for c in case.culprits if isinstance(c, WrongStart) and c.sufficient is not None}
    found = [(name, *values) for name, values in _outside(case) if name not in said and values.share >= NEARLY_ALL]
    return start.mostly_the_weights(found[:MOST_TARGETS], case.lost) if found else ""


def not_the_weights_alone(case: Case, *, code_is_wrong: bool) -> Iterator[str]:
    """Yield what shows that weights alone are not to blame: a target that is off with the reference's too, or code."""
    given, of = len(case.given), len(case.capture.manifest.described.state)
    off = [t for t, q in case.asked.items() if verdict_on(case.base, t, q.question.interval) is Verdict.DIVERGES]
    if given and off:
        value, reference = case.base.targets[off[0]], case.capture.manifest.targets[off[0]]
        outside = dict(_outside(case)).get(off[0])
        little = outside is not None and outside.share <= 1 - NEARLY_ALL
        own = outside.own if outside is not None and little else None
        yield ruled_out.not_the_weights_alone(given, of, off[0], value, reference, as_it_is=own)
    elif given and code_is_wrong:
        yield ruled_out.code_is_wrong_with_the_reference_weights(given, of)


def _outside(case: Case) -> Iterator[tuple[str, _Values]]:
    """Yield each target that starts outside the spread."""
    for target, reach in case.starts.items():
        own, given = (reading.targets.get(target) for reading in (case.own, case.base))
        if own is not None and given is not None and not reach.holds(own):
            yield target, _Values(own, given, case.capture.manifest.targets[target])
