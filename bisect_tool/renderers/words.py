"""Strings of a report as they are drawn: never read as markup, and with nothing in them that commands a terminal."""

from __future__ import annotations

from rich.text import Text

from bisect_tool.plain import plain

MOST_CHARACTERS = 4000  # of one string: longer than any that bisect writes


def shown(words: str, style: str = "") -> Text:
    """Return a string as text to draw: characters that would steer the terminal become blanks."""
    cut = words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]} ... (cut; all of it with --json)"
    return Text(plain(cut), style=style)
