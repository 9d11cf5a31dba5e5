"""What is wrong with gradients, in words: none, scaled, of the wrong sign, zero where something saturates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bisect_tool.finding import Finding, counted, listed
from bisect_tool.probes.reading import Pulled, PulledAt
from bisect_tool.sites import STEP, Site

ALONG = 1e-2  # of its size: what is left of a gradient that is the reference's times a number


def gradient_findings(owner: Site, rows: Sequence[PulledAt], batch: int) -> Iterator[Finding]:
    """Say what one call's own code makes of the reference's gradients; ``batch`` is the number of samples, 0 if unknown."""
    off = [row.site for row in rows if row.part == "call"]
    if off:
        yield Finding("no_grad", (owner, *off), f"{listed(off, 4)}: called with gradients switched off")
    rows = [row for row in rows if row.part != "call"]
    missing = [row for row in rows if row.gradient.missing]
    if missing:
        none = all(row.gradient.none for row in missing)
        word = "no gradient" if none else "a gradient that is exactly zero"
        names = listed([place(row) for row in missing], 4)
        message = f"{_end(owner)}; {names} {_gets(missing)} {word}"
        yield Finding("path cut" if none else "zero gradient", (owner,), message)
    by_words: dict[str, list[PulledAt]] = {}
    for row in rows:
        if not row.gradient.missing:
            by_words.setdefault(_how(row.gradient, batch), []).append(row)
    for words, group in by_words.items():
        names = listed([place(row) for row in group], 4)
        yield Finding("backward", (owner,), f"from the reference's gradients, {names} {_gets(group)} {words}")


def place(row: PulledAt) -> str:
    """Return what a gradient is of, in words."""
    if row.part == "state":
        return row.path
    if row.part == "output":
        return f"the output of {row.site}" + (f" ({row.path})" if row.path else "")
    return f"the input of {row.site}" + (f" ({row.path.partition('.')[2]})" if row.path != "0.0" else "")


def _gets(rows: Sequence[PulledAt]) -> str:
    return "gets" if len(rows) == 1 else "get"


def _end(owner: Site) -> str:
    if owner == STEP:
        return "the losses are right, and so is every layer by itself"
    return f"the gradient at the output of {owner} is right"


def _how(row: Pulled, batch: int) -> str:
    if row.mismatch:
        return f"one that does not compare: {row.mismatch}"
    if not row.reference:
        return "one where the reference stops it"
    ratio = row.ratio or 0.0
    # What is left when the part along the reference's gradient is taken away.
    across = max(row.apart**2 - (ratio - 1) ** 2 * row.reference**2, 0.0) ** 0.5
    if across <= ALONG * abs(ratio) * row.reference and abs(ratio - 1) > ALONG:
        if abs(ratio + 1) <= ALONG:
            return "the reference's with the wrong sign"
        said = f"{ratio:.4g} times the reference's"
        if batch > 1 and abs(ratio - batch) <= ALONG * batch:
            said += f" (the batch has {batch})"
        if batch > 1 and abs(ratio * batch - 1) <= ALONG:
            said += f" (1 over the batch's {batch})"
        return said
    off = f"one that is off by {row.apart / row.reference:.2%}"
    if row.lost:
        off += f": 0 at {counted(row.lost, 'place')} of {row.size:,} where the reference's is not"
    return off
