"""What is known of gradients: of which parameters they can be compared, and what a proof rests on that was not.

A parameter whose partner has another shape, or was guessed by its order, may be another parameter: its gradient is unknown,
and so is what the call makes that reads it. Where a call is handed what the reference does not hand it, neither its gradients
nor those of the code around it can be set beside the reference's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from bisect_tool.axes.axis import Case
from bisect_tool.axes.gradients.passes import Backward
from bisect_tool.axes.gradients.pieces import Pieces
from bisect_tool.axes.gradients.suspects import Suspect
from bisect_tool.captures.manifest import Gradients
from bisect_tool.pairing.pair import Pair
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Site


def unpaired(case: Case, gradients: Gradients) -> frozenset[str]:
    """Return the parameters that have a partner in the port, and no sure one of their shape."""
    given = case.given
    return frozenset(name for name in gradients.parameters if name in case.pair.matching.state and name not in given)


def without(pair: Pair, gradients: Gradients, parameters: Collection[str]) -> Pair:
    """Return the pair of a reference of which some parameters' gradients are not known."""
    known = {name: key for name, key in gradients.parameters.items() if name not in parameters}
    fewer = gradients.model_copy(update={"parameters": known})
    return dataclasses.replace(pair, reference=pair.reference.model_copy(update={"gradients": fewer}))


def doubts(asked: Backward, suspects: Sequence[Suspect], pieces: Pieces) -> tuple[str, ...]:
    """Return what keeps the passes from proving anything: code that is wrong, or put right in them, and cannot be compared."""
    return tuple(_doubts(asked, {*asked.wrong, *(site for suspect in suspects for site in suspect.sites)}, pieces))


def _doubts(asked: Backward, sites: Iterable[Site], pieces: Pieces) -> Iterable[str]:
    among = frozenset(sites)
    lost = sorted(site for site in among & pieces.unsure if not asked.unpaired_in(site))
    if lost:
        yield sentences.handed_otherwise(lost)
    unpaired_there = sorted({name for site in among for name in asked.unpaired_in(site)})
    if unpaired_there:
        yield sentences.unpaired(unpaired_there)
