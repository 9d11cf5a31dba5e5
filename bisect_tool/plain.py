"""Words that come from captures, reports, models or their processes, as they may be shown."""

from __future__ import annotations


def plain(words: str) -> str:
    """Return words in one line, with a blank for each character that steers a terminal or changes how others are read.

    These are control characters, line ends, marks of direction, what has no width, and halves of characters.
    """
    return words if words.isprintable() else "".join(c if c.isprintable() or c == "\t" else " " for c in words)
