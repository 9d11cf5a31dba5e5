"""A finding: which check, about which sites, in one sentence with numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What is different or wrong, in words. Attributes: ``check`` (its name), ``sites``, ``message``."""

    check: str
    sites: tuple[str, ...]
    message: str
