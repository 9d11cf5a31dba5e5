"""What is put right in a probe of calls, label by label."""

import pytest

from bisect_tool.sentences import labels


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (labels.these(1, ["net.a"]), "net.a"),
        (labels.these(1, ["net.a", "net.b"]), "these 2 calls"),
        (labels.these(3, ["net.a"]), "these 3 culprits"),
        (labels.before("net.a"), "everything before net.a"),
        (labels.some_exact(2), "the same, 2 in float64 too"),
    ],
)
def test_what_was_put_right_in_a_probe(label, expected):
    """Each probe has a label of its own."""
    assert label == expected
