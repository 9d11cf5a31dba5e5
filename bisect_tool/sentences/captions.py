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


def partners(state: tuple[int, int], modules: tuple[int, int]) -> str:
    """Say how many tensors and modules of the reference have a partner, each (how many, of how many)."""
    return (
        f"names: {state[0]:,} of {state[1]:,} tensors and {modules[0]:,} of {modules[1]:,} modules of the reference have "
        "a partner in the port"
    )


def known_beforehand(check: str, message: str) -> str:
    """Say what differs before any run."""
    return f"differs: {check}: {message}"


def announced(probes: int) -> str:
    """Say how many more probes a search takes at most."""
    return f"at most {counted(probes, 'more probe')}"


def cost(probes: int, passes: float, kernels_after: int | None, bound: tuple[int, int] | None = None) -> str:
    """Say what the probes cost; kernels that the first run did not need are a cost where there are any.

    ``bound`` is (how many probes were taken, of how many that were announced as the most).
    """
    compiled = f" Later runs compiled {counted(kernels_after, 'more kernel')}." if kernels_after else ""
    held = f" {bound[0]:,} of the at most {bound[1]:,} that were announced." if bound else ""
    return f"{counted(probes, 'probe')}, {passes:,.1f} forward passes.{held}{compiled}"


def forced_passes(count: int, left: Sequence[int]) -> str:
    """Label some forced passes that only observe, each with how many calls it left to the port."""
    low, high = min(left), max(left)
    span = counted(high, "call") if low == high else f"{low:,} to {counted(high, 'call')}"
    also = f", {span} left to the port" if high else ""
    return f"{count:,} passes: every call given the reference's inputs{also}"


def more(count: int, noun: str = "", where: str = "") -> str:
    """Say how many rows are left out of a table, and where they are."""
    return f"... and {count:,} more{f' {noun}' if noun else ''}{f' ({where})' if where else ''}"
