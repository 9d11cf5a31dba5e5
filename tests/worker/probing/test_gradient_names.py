"""Names of gradients as one word."""

from __future__ import annotations

import pytest

from bisect_tool.worker.probing.names import joined


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (("step:loss", "value"), "step:loss|value"),
        (("net", "output", "0.1"), "net|output|0.1"),
        (("net", "output", ""), "net|output|"),
    ],
)
def test_the_parts_of_a_name_are_joined(parts: tuple[str, ...], word: str) -> None:
    """A statement has two of them, what it reads three, even where the path is empty."""
    assert joined(*parts) == word
