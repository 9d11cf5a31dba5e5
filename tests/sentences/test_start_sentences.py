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


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (start.patched(start.THESE_ALONE), "these alone patched"),
        (start.patched(start.ALL_OTHERS), "every other parameter and buffer patched"),
        (
            start.seeds_speak("fixed", 9),
            "beside 9 initialisations of the reference: the reference has other values, the same at every seed",
        ),
        (
            start.felt("loss", 2.5, 9.0, (1.0, 20.0)),
            "loss starts at 2.5, and with the reference's values of these at 9; it may start from 1 to 20",
        ),
        (
            start.felt("loss", 2.5, 2.5, (1.0, 20.0)),
            "loss does not feel them: it starts at 2.5 with the reference's values of these too",
        ),
        (
            start.felt("loss", 2.5, 9.0, None),
            "loss starts at 2.5, and with the reference's values of these at 9",
        ),
        (start.felt("loss", 2.5, None, (1.0, 2.0)), "the port gives no loss with the reference's values of these"),
    ],
)
def test_what_proves_initial_values(sentence, expected):
    """What was put right, and what became of it."""
    assert sentence == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            start.fails(labels.REFERENCE_WEIGHTS, "killed"),
            "the port fails with the reference's weights patched: killed",
        ),
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


def test_what_is_said_before_the_code_is_right():
    """What cannot be asked yet, and what a probe showed all the same; it proves nothing."""
    assert (
        start.code_comes_first(["loss"], [])
        == "not asked yet: whether loss starts the same, for which the code must be right first"
    )
    shown = [start.goes_to("a", 7437.0, 1.79, ["p", "q"])]
    assert start.code_comes_first(["a", "b"], shown) == (
        "not asked yet: whether a and b start the same, for which the code must be right first; "
        "with the reference's values of p, q, a goes from 7437 to 1.79"
    )


def test_most_is_the_weights():
    """The target as it is, with the reference's weights as far as they could be given, and in the reference."""
    assert start.mostly_the_weights([("cls_loss", 7437.0, 1.78, 1.6)]) == (
        "Most of it is the weights: cls_loss is 7437 as it is, 1.78 with the reference's weights, 1.6 in the reference."
    )
    two = start.mostly_the_weights([("a", 9.0, 1.0, 1.0), ("b", 8.0, 2.0, 2.1)], ["p"])
    assert two.startswith(
        "Most of it is the weights: a is 9 as it is, 1 with the reference's weights (but for p, without"
    )
    assert two.endswith(
        "; b is 8 as it is, 2 with the reference's weights (but for p, without a sure partner of that "
        "shape), 2.1 in the reference."
    )


def test_a_rare_draw():
    """Where it starts, where it may, and what tells more."""
    assert start.rare_draw("loss", 2.5, 1.0, 2.0, "9 seeds") == (
        "loss starts at 2.5, outside 1 to 2 (9 seeds); yet no parameter that could be compared starts by another law, and no "
        "part of them explains it: a rare draw (`bisect capture --seeds 32` tells more)"
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


def test_why_a_start_could_not_be_asked_about():
    """Too few seeds, seeds that change nothing, targets that feel nothing, and what is not finite."""
    assert start.too_few_seeds(1, 3) == (
        "the capture has 1 other initialisation, 3 are needed (`bisect capture --seeds 8`)"
    )
    assert start.too_few_seeds(0, 3).startswith("the capture has 0 other initialisations, 3 are needed")
    assert start.seed_is_ignored() == "the reference's build gives the same weights whatever the seed"
    assert start.feels_no_weight("a").endswith(
        "is the same at every seed although its weights are not: it feels none of them"
    )
    assert start.not_finite("a") == "a is not finite at each of the reference's initialisations"
    assert start.other_momentum("bn", 0.03, 0.1) == "the momentum of bn: 0.03, reference 0.1"
