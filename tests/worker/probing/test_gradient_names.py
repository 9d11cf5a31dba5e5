"""Names of gradients as one word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.worker.probing.names import joined, parted

WORDS = st.text(st.characters(blacklist_characters="|"))


@given(WORDS, WORDS, st.text())
def test_a_name_is_parted_as_it_was_joined(call: str, part: str, path: str) -> None:
    """Whatever stands in the path."""
    assert parted(joined(call, part, path)) == (call, part, path)


def test_a_statement_has_no_path() -> None:
    """Its name has two parts, and that of the targets one."""
    assert parted(joined("step:loss", "value")) == ("step:loss", "value", "")
    assert parted("targets") == ("targets", "", "")
