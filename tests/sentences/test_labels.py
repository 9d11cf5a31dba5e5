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
        (labels.fed("net.a"), "net.a fed the reference's inputs"),
        (labels.kept_before("net.a"), "own values, kept before net.a"),
        (labels.some_fed(2), "the same, 2 fed the reference's inputs"),
        (labels.some_exact(2), "the same, 2 in float64 too"),
        (labels.some_exact(2, fed_by_port=True), "the same, 2 in float64 too, fed as the port does"),
        (labels.state_and(0), "all parameters and buffers"),
        (labels.state_and(2), "all parameters and buffers, 2 calls inside patched"),
        (labels.around_fed(1, 0), "1 call around what is off, fed"),
        (labels.around_fed(2, 1), "2 calls around what is off, fed, 1 call inside patched"),
        (labels.around_exact(3, 1), "3 of them in float64, 1 call inside patched"),
        (labels.disturbed(["net.a"]), "net.a disturbed"),
        (labels.disturbed(["net.a", "net.b"]), "2 calls disturbed"),
    ],
)
def test_what_was_put_right_in_a_probe(label, expected):
    """Each probe has a label of its own."""
    assert label == expected
