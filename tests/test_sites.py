"""Edges are spelled as a worker and a manifest spell them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.sites import Edge

NAMES = st.text(st.characters(exclude_characters="|"), min_size=1, max_size=8)


@given(NAMES, st.sampled_from(["value", "inputs", "output", "state"]), st.none() | st.text(max_size=8))
def test_an_edge_reads_as_it_is_spelled(site: str, part: str, path: str | None) -> None:
    """Whatever its path."""
    edge = Edge(site, part, path)
    assert Edge.parse(edge.spell()) == edge


@pytest.mark.parametrize("spelled", ["targets", "f:x|value", "f:x|value|", "net|output|0.1", "step|state|w"])
def test_a_spelled_edge_is_spelled_so_again(spelled: str) -> None:
    """A statement without a path, what it reads with one."""
    assert Edge.parse(spelled).spell() == spelled


def test_an_edge_is_renamed_with_the_parameter_in_it() -> None:
    """The path of any other is no name."""
    assert Edge.parse("net|state|w").renamed(str.upper).spell() == "NET|state|W"
    assert Edge.parse("net|output|w").renamed(str.upper).spell() == "NET|output|w"
    assert Edge.parse("net|output|w").statement == Edge("net", "output")
