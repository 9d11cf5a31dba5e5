"""What one probe says about the question asked."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """The answer of one probe; UNRESOLVED when the port crashed or its answer is not usable."""

    AGREES = "agrees"
    DIVERGES = "diverges"
    UNRESOLVED = "unresolved"
