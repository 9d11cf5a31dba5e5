"""What a renderer is: it draws a report on a console, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from bisect_tool.report.data import Report

Render = Callable[[Report, Console], None]
