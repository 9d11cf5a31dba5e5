"""Strings of a report as they are drawn: never read as markup, and with nothing in them that commands a terminal."""

from __future__ import annotations

import re

from rich.text import Text

MOST_CHARACTERS = 4000  # of one string: longer than any that bisect writes
COMMANDS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(words: str, style: str = "") -> Text:
    """Return a string as text to draw: characters that would steer the terminal become blanks."""
    cut = words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]} ... (cut; all of it with --json)"
    return Text(COMMANDS.sub(" ", cut), style=style)
