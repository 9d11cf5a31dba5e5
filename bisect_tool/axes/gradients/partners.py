"""Parameters whose gradients say nothing, since it is not known what stands for them in the port."""

from __future__ import annotations

from collections.abc import Iterator

from bisect_tool.axes.gradients.targets import allowed, reference_rms
from bisect_tool.captures.described import StateEntry
from bisect_tool.captures.manifest import Gradients
from bisect_tool.pairing.pair import Pair
from bisect_tool.sentences import learning as sentences
from bisect_tool.sites import Site


def held_elsewhere(pair: Pair, gradients: Gradients) -> frozenset[Site]:
    """Return the parameters without a partner that other trainable tensors of the port have room for.

    A port may hold in three layers what the reference has in one, or the other way round: nothing is lost then.
    """
    room = sum(numbers for _, numbers in _free(pair))
    sizes = {entry.name: entry.size for entry in pair.reference.described.state}
    lost = [name for name in gradients.parameters if name not in pair.matching.state]
    return frozenset(Site(name) for name in lost if sizes[name] <= room)


def not_compared(pair: Pair, gradients: Gradients, lost: frozenset[Site]) -> tuple[str, ...]:
    """Say that parameters which learn in the reference could not be looked for."""
    manifest = pair.reference
    learn = [
        name
        for name in gradients.parameters
        if name in lost and (reference_rms(manifest, gradients, name) or 0.0) > allowed(manifest, gradients, name)
    ]
    return (sentences.not_looked_for(learn, [entry.name for entry, _ in _free(pair)]),) if learn else ()


def _free(pair: Pair) -> Iterator[tuple[StateEntry, int]]:
    """Yield the port's trainable tensors that hold more than a partner in the reference, and how many numbers more."""
    partners = {theirs.name: ours for ours, theirs in pair.state()}
    for entry in pair.port.state:
        ours = partners.get(entry.name)
        more = entry.size - (0 if ours is None else ours.size)
        if entry.trainable and entry.alias_of is None and more > 0:
            yield entry, more
