"""What stands above, below and beside the tables of a drawn report."""

from __future__ import annotations

from collections.abc import Sequence

from bisect_tool.sentences.spelling import counted, number

# Under which weights a question asks where the target lies.
WEIGHTS = {"code": "the reference's weights", "start": "the port's own weights"}


def agrees_within(question: str, low: float | None, high: float | None, origin: str) -> str:
    """Say where the target may lie with the reference's weights ("code"), or with the port's own ("start")."""
    return f"agrees within {number(low)} to {number(high)} with {WEIGHTS[question]}: {origin}"


def gradient_norms(of: Sequence[str], reference: float | None, with_reference: float | None, own: float | None) -> str:
    """Say how large all gradients are together, on both sides."""
    return (
        f"the norm of all, of {' + '.join(of)}: reference {number(reference)}; port {number(with_reference)} "
        f"with the reference's weights, {number(own)} with its own"
    )


def cost(probes: int, passes: float, kernels_after: int | None) -> str:
    """Say what the probes cost; kernels that the first run did not need are a cost where there are any."""
    compiled = f" Later runs compiled {counted(kernels_after, 'more kernel')}." if kernels_after else ""
    return f"{counted(probes, 'probe')}, {passes:,.1f} forward passes.{compiled}"


def more(count: int, noun: str = "", where: str = "") -> str:
    """Say how many rows are left out of a table, and where they are."""
    return f"... and {count:,} more{f' {noun}' if noun else ''}{f' ({where})' if where else ''}"
