"""What names may hold that are shown: nothing of it commands a terminal, or changes how others are read."""

from __future__ import annotations

import pytest

from bisect_tool.errors import BisectError
from bisect_tool.plain import plain
from bisect_tool.renderers.words import shown

STEERING = [
    *map(
        chr, (*range(9), *range(10, 32), *range(0x7F, 0xA0))
    ),  # control characters, the escape that begins a sequence among them
    *"\u00ad\u061c\u200b\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9",
    "\U000e0041",
    "\ud800",
]


@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_what_steers_a_terminal_becomes_a_blank(character: str) -> None:
    """In tables and in errors."""
    words = f"a{character}b"
    assert plain(words) == shown(words).plain == "a b"
    assert str(BisectError(words)) == "a b"
    assert BisectError(words, mistakes=[words, words]).lines[1] == "  a b"


def test_what_can_be_read_stays() -> None:
    """Letters of any script, marks, tabs of excerpts."""
    words = "\tmodel.9 = [red]x[/red] \u00e9 \u4e2d \U0001f600 \\"
    assert plain(words) == shown(words).plain == words
