"""A probe that speaks for or against a culprit."""

from __future__ import annotations

from dataclasses import dataclass

from bisect_tool.search.verdict import Verdict


@dataclass(frozen=True)
class Proof:
    """One of the probes that prove a culprit.

    Attributes: ``what`` was put right, in words; ``verdict``; the ``quantity`` that was looked at and its ``value``, both None
    where ``what`` says it in words.
    """

    what: str
    verdict: Verdict
    quantity: str | None = None
    value: float | None = None


def agrees(proof: Proof | None) -> bool:
    """Tell whether a probe was run, and agreed."""
    return proof is not None and proof.verdict is Verdict.AGREES


def diverges(proof: Proof | None) -> bool:
    """Tell whether a probe was run, and diverged."""
    return proof is not None and proof.verdict is Verdict.DIVERGES
