"""What the worker needs to know about each framework: ``adapter`` asks, a module for each framework answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import jittor_adapter, torch_adapter
    from .adapter import Adapter

    ALL: tuple[Adapter, ...] = (torch_adapter, jittor_adapter)  # mypy sees here that each answers all
