"""A finding: which check, about which sites, in one sentence with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is different or wrong, in words. Attributes: ``check`` (its name), ``sites``, ``message``."""

    check: str
    sites: tuple[str, ...]
    message: str


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names and how many more there are: 'a, b, c and 78 more'."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def counted(number: int, noun: str) -> str:
    """Return '1 module', '81 modules'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
