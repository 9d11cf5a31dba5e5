"""What is wrong with the gradients that one call's own code makes: none, zero, scaled, of the wrong sign, or off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bisect_tool.finding import Finding
from bisect_tool.probes.reading import Pulled, PulledAt
from bisect_tool.sentences import gradients as sentences
from bisect_tool.sites import STEP, Edge, Site

ALONG = 1e-2  # of its size: what is left of a gradient that is the reference's times a number


def gradient_findings(owner: Site, rows: Sequence[PulledAt], batch: int) -> Iterator[Finding]:
    """Say what one call's own code makes of the reference's gradients; ``batch`` is the number of samples, 0 if unknown."""
    off = called_without_gradients(rows)
    if off:
        yield Finding("no_grad", (owner, *off), sentences.switched_off(off))
    rows = [row for row in rows if row.part != "call"]
    missing = [row for row in rows if row.gradient.missing]
    if missing:
        none = all(row.gradient.none for row in missing)
        message = sentences.passes_nothing(None if owner == STEP else owner, _places(missing), none=none)
        yield Finding("path cut" if none else "zero gradient", (owner,), message)
    by_words: dict[str, list[PulledAt]] = {}
    for row in rows:
        if not row.gradient.missing:
            by_words.setdefault(_difference(row.gradient, batch), []).append(row)
    for words, alike in by_words.items():
        yield Finding("backward", (owner,), sentences.passes_otherwise(_places(alike), words))


def called_without_gradients(rows: Sequence[PulledAt]) -> list[Site]:
    """Return the calls that a call's own code makes with gradients switched off."""
    return [Site(row.site) for row in rows if row.part == "call"]


def _places(rows: Sequence[PulledAt]) -> list[str]:
    return [sentences.gradient_of(Edge(row.site, row.part, row.path)) for row in rows]


def _difference(row: Pulled, batch: int) -> str:
    """Return how a gradient differs from the reference's, in words."""
    if row.mismatch:
        return sentences.not_comparable(row.mismatch)
    if not row.reference:
        return sentences.not_stopped()
    if _is_multiple(row, row.reference):
        return _multiple(row.ratio or 0.0, batch)
    return sentences.off_by(row.apart / row.reference, row.lost, row.size)


def _is_multiple(row: Pulled, reference: float) -> bool:
    """Tell whether a gradient is the reference's times a number, which is not 1."""
    ratio = row.ratio or 0.0
    # What is left when the part along the reference's gradient is taken away.
    across = max(row.apart**2 - (ratio - 1) ** 2 * reference**2, 0.0) ** 0.5
    return bool(across <= ALONG * abs(ratio) * reference) and not _near(ratio)


def _multiple(factor: float, batch: int) -> str:
    if _near(-factor):
        return sentences.wrong_sign()
    return sentences.multiple(
        factor,
        batch=batch if batch > 1 and _near(factor / batch) else 0,
        over_batch=batch if batch > 1 and _near(factor * batch) else 0,
    )


def _near(ratio: float) -> bool:
    """Tell whether a ratio is 1, as far as such ratios can be told."""
    return abs(ratio - 1) <= ALONG
