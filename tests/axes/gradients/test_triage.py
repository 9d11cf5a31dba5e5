"""Who gets a gradient: the table by module, and what is said of it."""

from __future__ import annotations

import pytest

from bisect_tool.axes.gradients.triage import Kind, silent, table

OURS: dict[str, Kind] = {
    "net.a.0.weight": "ordinary",
    "net.a.0.bias": "tiny",
    "net.a.1.weight": "zero",
    "net.b.weight": "none",
}


def test_modules_that_differ_come_first() -> None:
    """With how many parameters get which gradient on both sides; none and zero are the same."""
    theirs: dict[str, Kind] = {**OURS, "net.b.weight": "ordinary", "net.a.1.weight": "none"}
    first, second = table(OURS, theirs)
    assert (first["module"], first["same"], first["reference"]["none"], first["port"]["ordinary"]) == (
        "net.b",
        False,
        1,
        1,
    )
    assert (second["module"], second["same"], second["parameters"]) == ("net.a", True, 3)
    assert second["reference"] == {"none": 0, "zero": 1, "tiny": 1, "ordinary": 1}


@pytest.mark.parametrize("kind", ["none", "zero"])
def test_no_gradient_and_zeros_are_silence(kind: Kind) -> None:
    """A tiny one is not."""
    assert silent({"a": kind, "b": "tiny", "c": "ordinary"}) == {"a"}
