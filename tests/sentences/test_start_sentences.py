"""What is said of initial values, sentence by sentence."""

import pytest

from bisect_tool.sentences import blame, evidence, labels, start


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d"], "a ... d (4)"),
    ],
)
def test_what_is_put_right_in_a_probe(names, label):
    """Up to three names; of more the first and the last, and how many."""
    assert start.named(names) == label
    assert start.all_but(names) == f"everything but {label}"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (start.patched(start.THESE_ALONE), "these alone patched"),
        (start.patched(start.ALL_OTHERS), "every other parameter and buffer patched"),
        (
            start.layer_is_right("net", 1.2e-7),
            "all parameters and buffers patched: from the reference's inputs net is off by 1.2e-07",
        ),
        (start.layer_is_wrong("net", 0.5), "all but these patched: from the reference's inputs net is off by 0.5"),
        (start.layer_varies("net", 0.5), "these alone patched: net varies (by 0.5)"),
        (start.layer_is_constant("net"), "nothing patched: net is one constant at every place"),
    ],
)
def test_what_proves_initial_values(sentence, expected):
    """What was put right, and what became of it."""
    assert sentence == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (start.fails(labels.ALL_STATE, "killed"), "the port fails with all parameters and buffers patched: killed"),
        (start.fails(start.ALL_BUT_THESE, "killed"), "the port fails with everything but these patched: killed"),
        (start.fails_as_it_is("killed"), "the port fails with its own weights: killed"),
        (
            start.perhaps_not_needed(["a", "b"]),
            "whether a, b must be right too: the port fails with the others alone",
        ),
    ],
)
def test_what_could_not_be_settled(sentence, expected):
    """Each says with what the port fails."""
    assert sentence == expected


def test_a_rare_draw():
    """Where it starts, where it may, and what tells more."""
    assert start.rare_draw("loss", 2.5, 1.0, 2.0, "9 seeds") == (
        "loss starts at 2.5, outside 1 to 2 (9 seeds); yet every parameter starts by the reference's law, and no part of them "
        "explains it: a rare draw (`bisect capture --seeds 32` tells more)"
    )


@pytest.mark.parametrize(
    ("sites", "sentence"),
    [
        (["A"], "The initial value of A is wrong: at the start other parameters get no gradient."),
        (["A", "B", "C"], "The initial values of A, B and C are wrong: at the start other parameters get no gradient."),
    ],
)
def test_initial_values_are_wrong(sites, sentence):
    """One is, several are."""
    assert blame.headline([(blame.initial_values(sites), evidence.start_silences())]) == sentence
