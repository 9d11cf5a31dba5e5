"""What each statement contributes to the gradient of what it reads, compared: the backward pass of plain code.

A contribution is its norm and some random projections of it (``worker/probing/statements``). A variable of the reference
without a partner is folded into the one statement that reads it; where several read it, what it contributes cannot be told
apart and is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bisect_tool.captures.manifest import Gradients
from bisect_tool.questions.tolerance import UNCHECKED
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import Edge, Site, variable_of

Contribution = tuple[float, ...]  # the norm, and the projections
Contributions = dict[Edge, dict[Edge, Contribution]]  # by statement, the last first, and by what it reads
Unjudged = dict[Edge, set[Edge]]  # by statement: what it reads through code that the port does not have


class WrongEdge(NamedTuple):
    """A statement that passes another gradient than the reference's to something that it reads; ``how`` says which."""

    statement: Edge
    read: Edge
    how: str


def parsed(statements: Iterable[tuple[str, Mapping[str, Contribution]]]) -> Contributions:
    """Return contributions by edges, as they are spelled in a manifest or by a worker."""
    return {
        Edge.parse(statement): {Edge.parse(read): tuple(numbers) for read, numbers in edges.items()}
        for statement, edges in statements
    }


def wrong_edges(gradients: Gradients, owner: Site, theirs: Contributions, made: frozenset[Site]) -> Iterator[WrongEdge]:
    """Yield where both sides differ in the own code of ``owner``, the last statement first.

    A statement that reads the output of a call that the port does not make (``made``) is not judged.
    """
    recorded = parsed(gradients.statements.get(owner, ()))
    shared = set(theirs) | {statement for statement in recorded if not variable_of(statement.site)}
    known, unjudged = folded(recorded, shared)
    floors = _floors((*known.values(), *theirs.values()))
    for statement, ours in known.items():
        mine = theirs.get(statement)
        if mine is None or any(read.part == "output" and read.site not in made for read in ours):
            continue
        for read in dict.fromkeys((*ours, *mine)):
            pair = ours.get(read), mine.get(read)
            judged = read not in unjudged.get(statement, ()) and not _is_constant(gradients, read)
            if judged and distance(*pair) > floors[read]:
                yield WrongEdge(statement, read, difference(*pair))


def _is_constant(gradients: Gradients, read: Edge) -> bool:
    """Tell whether no gradient passes a variable of the reference."""
    return not gradients.connected.get(read.site, {}).get(read.path or "", True)


def _floors(sides: Iterable[Mapping[Edge, Contribution]]) -> dict[Edge, float]:
    """Return by how much what is contributed to each may be off: by a share of the most that any statement does."""
    largest: dict[Edge, float] = {}
    for edges in sides:
        for read, (norm, *_) in edges.items():
            largest[read] = max(largest.get(read, 0.0), norm)
    return {read: UNCHECKED * norm for read, norm in largest.items()}


def folded(known: Contributions, shared: set[Edge]) -> tuple[Contributions, Unjudged]:
    """Fold statements that the port does not have into those that read them; return what cannot be told apart, too."""
    kept, unjudged = {statement: dict(edges) for statement, edges in known.items()}, Unjudged()
    for statement in known:
        if statement not in shared:
            _fold(statement, kept, unjudged)
    return kept, unjudged


def _fold(statement: Edge, kept: Contributions, unjudged: Unjudged) -> None:
    edges = kept.pop(statement)
    readers = [reader for reader, read in kept.items() if any(edge.statement == statement for edge in read)]
    for reader in readers:
        into = {read: numbers for read, numbers in kept[reader].items() if read.statement != statement}
        if len(readers) == 1:
            into |= {read: _total(into.get(read), numbers) for read, numbers in edges.items()}
        kept[reader] = into
        untold = set(edges) if len(readers) > 1 else set()
        unjudged.setdefault(reader, set()).update(untold, unjudged.get(statement, ()))


def _total(left: Contribution | None, right: Contribution) -> Contribution:
    if left is None:
        return right
    projections = tuple(a + b for a, b in zip(left[1:], right[1:], strict=True))
    return (norm_by(projections), *projections)


def norm_by(projections: Sequence[float]) -> float:
    """Return the norm that random projections (signs) have in the mean."""
    return math.sqrt(sum(p * p for p in projections) / len(projections)) if projections else 0.0


def distance(ours: Contribution | None, theirs: Contribution | None) -> float:
    """Return how far two contributions are apart."""
    if ours is None or theirs is None:
        return (ours or theirs or (0.0,))[0]
    return norm_by([a - b for a, b in zip(ours[1:], theirs[1:], strict=True)])


def difference(ours: Contribution | None, theirs: Contribution | None) -> str:
    """Return how a contribution differs from the reference's, in words."""
    if ours is None or not ours[0]:
        return sentences.PASSES_TOO_MUCH
    if theirs is None or not theirs[0]:
        return sentences.PASSES_NONE
    scale = sum(a * a for a in ours[1:])
    ratio = sum(a * b for a, b in zip(ours[1:], theirs[1:], strict=True)) / scale if scale else 0.0
    left = norm_by([b - ratio * a for a, b in zip(ours[1:], theirs[1:], strict=True)])
    if left <= UNCHECKED * theirs[0]:
        return sentences.passes_multiple(ratio)
    return sentences.passes_off_by(distance(ours, theirs) / ours[0])
