"""Delta debugging: the smallest set of things that, put right together, makes the divergence go away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from bisect_tool.search.verdict import Verdict

T = TypeVar("T")
Test = Callable[[frozenset[T]], Verdict]


def ddmin(items: Sequence[T], test: Test[T]) -> list[T]:
    """Return a 1-minimal subset for which ``test`` agrees: without any one of its members it does not.

    ``test(all items)`` is assumed to agree and is not asked; an unresolved answer counts as not agreeing.
    (Zeller and Hildebrandt 2002, ddmin, with agreement in place of failure.)
    """
    current = list(items)
    parts = 2
    # Invariant: ``current`` agrees.
    while len(current) >= 2:
        chunks = _split(current, parts)
        smaller = _first_agreeing(chunks, test)
        if smaller is not None:
            current, parts = smaller, 2
            continue
        rests = [[x for x in current if x not in chunk] for chunk in chunks]
        smaller = _first_agreeing(rests, test) if parts > 2 else None
        if smaller is not None:
            current, parts = smaller, max(parts - 1, 2)
        elif parts >= len(current):
            break
        else:
            parts = min(len(current), 2 * parts)
    return current


def descend(tops: Iterable[T], children: Callable[[T], Sequence[T]], test: Test[T]) -> list[T]:
    """Return a 1-minimal set of leaves of a tree, going down only where the test asks for it.

    ``test`` takes a set of nodes (a node stands for all its leaves); all of ``tops`` together are assumed
    to agree. A leaf has no children.
    """
    kept = ddmin(list(tops), test)
    while any(children(node) for node in kept):
        opened = [child for node in kept for child in (children(node) or [node])]
        kept = ddmin(opened, test) if len(opened) > len(kept) else opened
    return kept


def _split(items: Sequence[T], parts: int) -> list[list[T]]:
    bounds = [len(items) * i // parts for i in range(parts + 1)]
    return [list(items[a:b]) for a, b in zip(bounds, bounds[1:], strict=False) if b > a]


def _first_agreeing(candidates: Iterable[list[T]], test: Test[T]) -> list[T] | None:
    return next((c for c in candidates if test(frozenset(c)) is Verdict.AGREES), None)
