"""Captions say in one line what a table rests on."""

from __future__ import annotations

from bisect_tool.sentences import captions


def test_the_cost_is_probes_and_passes() -> None:
    """Kernels are said only where later runs needed more."""
    assert captions.cost(12, 11.06, None) == "12 probes, 11.1 forward passes."
    assert captions.cost(1, 1.0, 0) == "1 probe, 1.0 forward passes."
    assert captions.cost(12, 11.06, 3) == "12 probes, 11.1 forward passes. Later runs compiled 3 more kernels."


def test_where_a_target_may_lie_is_said_with_the_weights() -> None:
    """The two questions are told apart, and where the range comes from."""
    assert captions.agrees_within("code", 0.9, 1.1, "measured") == (
        "agrees within 0.9 to 1.1 with the reference's weights: measured"
    )
    assert "with the port's own weights" in captions.agrees_within("start", 0.9, 1.1, "measured")


def test_the_norm_of_gradients_is_said_on_both_sides() -> None:
    """A norm that is not known is a dash."""
    assert captions.gradient_norms(["a", "b"], 1.5, 2.5, None) == (
        "the norm of all, of a + b: reference 1.5; port 2.5 with the reference's weights, - with its own"
    )


def test_what_is_left_out_is_counted() -> None:
    """With a noun, and the place where all of it is."""
    assert captions.more(1200) == "... and 1,200 more"
    assert captions.more(3, "modules") == "... and 3 more modules"
    assert captions.more(3, where="all of them with --json") == "... and 3 more (all of them with --json)"


def test_forced_passes_are_labelled_together() -> None:
    """How many, and how many calls they left to the port."""
    assert captions.forced_passes(2, [0, 0]) == "2 passes: every call given the reference's inputs"
    assert captions.forced_passes(3, [2, 0, 1]).endswith(", 0 to 2 calls left to the port")
    assert captions.forced_passes(2, [1, 1]).endswith(", 1 call left to the port")
