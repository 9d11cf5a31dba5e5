"""What keeps culprits from being proved: what could not be given the reference's value, and what was only guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from bisect_tool.axes.axis import Answer
from bisect_tool.culprit import AfterTheLayers, Culprit, WrongCalls
from bisect_tool.pairing.pair import Pair, batch_differs
from bisect_tool.pairing.trace import Trace, lies_in
from bisect_tool.sentences import calls
from bisect_tool.sites import Site, module_of, parent_of

A = TypeVar("A", bound=Answer)


def doubted(answer: A, pair: Pair, trace: Trace, state: Sequence[Site]) -> A:
    """Return the answer with what keeps its culprits from being proved: what could not be given the reference's value."""
    culprits = [replace(c, doubts=(*c.doubts, *_doubts(c, pair, trace, state))) for c in answer.culprits]
    doubts = dict.fromkeys(doubt for c in culprits for doubt in c.doubts)
    return replace(answer, culprits=tuple(culprits), open_ends=(*answer.open_ends, *doubts))


def _doubts(culprit: Culprit, pair: Pair, trace: Trace, state: Sequence[Site]) -> Iterator[str]:
    tied = set(pair.tied())
    given = {*state, *tied}
    reference = pair.reference
    if isinstance(culprit, AfterTheLayers):
        tops = [call for call, around in reference.calls.items() if around is None and call not in trace.sites]
        parts = batch_differs(pair)
        if tops:
            yield calls.outermost_not_given(tops)
        if parts:
            yield calls.batch_not_given(sorted(parts))
        modules = {m.name for m in reference.described.modules}
    else:
        modules = {module_of(site) for site in culprit.sites}
    names = [s.name for s in reference.described.state if lies_in(parent_of(s.name), modules)]
    lost = [name for name in names if name not in given and parent_of(name) in {module_of(c) for c in reference.calls}]
    guessed = [n for n in names if pair.matching.how.get(n) == "guess"]
    by_shape = isinstance(culprit, WrongCalls) and culprit.by_shape
    if lost and not by_shape:
        yield calls.state_not_given(lost)
    if guessed:
        yield calls.state_guessed([(name, pair.matching.state[name]) for name in guessed])
