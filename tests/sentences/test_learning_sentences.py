"""What is said of who gets a gradient, from names and numbers alone."""

from __future__ import annotations

from bisect_tool.sentences import learning as sentences


def test_parameters_that_are_left_out_are_counted() -> None:
    """One or several."""
    assert sentences.frozen(["a"]) == "1 parameter is frozen in the port: a"
    assert sentences.frozen(["a", "b"]) == "2 parameters are frozen in the port: a, b"
    assert sentences.unregistered(["a"]) == "a: not among the port's parameters, so that nothing trains it"
    assert sentences.unregistered(["a", "b"]) == "a, b: not among the port's parameters, so that nothing trains them"


def test_who_gets_a_gradient_is_said() -> None:
    """On both sides, and why not."""
    own, given = sentences.with_weights("port"), sentences.with_weights("reference")
    assert (own, given) == ("with its own weights", "with the reference's weights")
    assert sentences.everyone_gets_one(3, own) == (
        "every one of 3 parameters gets a gradient on both sides, with its own weights"
    )
    assert sentences.same_go_without(1, 3, own, "") == (
        "1 of 3 parameters gets no gradient, or an exactly zero one, with its own weights: the same ones on both sides"
    )
    assert sentences.goes_without_in("reference", ["a"], 3, own) == (
        "1 of 3 parameters gets no gradient in the reference, with its own weights, and does in the port: a"
    )
    why = sentences.starts_at_zero(["w"], 2)
    assert why == "w of the reference starts at zero, and nothing before it gets any; after one step it has 2"
    assert sentences.starts_at_zero(["v", "w"], 0) == (
        "v, w of the reference start at zero, and nothing before them gets any"
    )
    assert sentences.both_go_without(2, why) == f"2 get none, or an exactly zero one, on both sides: {why}"


def test_gradients_below_rounding_are_counted() -> None:
    """One or several."""
    rest = "below rounding noise, as of a bias before a batch norm, whose true gradient is zero"
    assert sentences.below_rounding(["a"]) == f"1 reference gradient is {rest}: a"
    assert sentences.below_rounding(["a", "b"]) == f"2 reference gradients are {rest}: a, b"


def test_what_silences_others_is_said() -> None:
    """With whom it silences."""
    assert sentences.alone_given(["a", "b"]) == "a, b the reference's"
    assert sentences.all_but_given(["a"]) == "everything but a the reference's"
    assert sentences.silenced(["a"]) == "1 parameter gets no gradient at the start: a"
