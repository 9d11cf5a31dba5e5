"""What a report rules out is true of one and of many, and says no more than was given and compared."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import crash, ruled_out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (ruled_out.calls_are_right(16, of=18), "the other 16 module calls: "),
        (ruled_out.calls_are_right(1, of=2), "the other module call: "),
        (ruled_out.calls_are_right(18, of=18), "all 18 module calls: "),
        (ruled_out.calls_are_right(1, of=1), "the only module call: "),
        (ruled_out.backward_passes_are_right(17, of=18), "the backward pass of the other 17 module calls: "),
        (ruled_out.backward_passes_are_right(1, of=1), "the backward pass of the only module call: "),
    ],
)
def test_calls_are_counted(words: str, expected: str) -> None:
    """All of them, or the others."""
    assert words.startswith(expected)
    assert words.endswith("to within rounding")


def test_calls_that_could_not_be_compared_are_counted_apart() -> None:
    """They are cleared by nothing."""
    assert ruled_out.calls_are_right(22, of=22, lost=6).endswith("to within rounding (6 others could not be compared)")


def test_calls_are_cleared_by_the_weights_that_were_given() -> None:
    """Where some could not be, that is said."""
    assert "inputs and weights each gives" in ruled_out.calls_are_right(2, of=2)
    assert "inputs and the weights that could be given each" in ruled_out.calls_are_right(2, of=2, weights_lost=["p"])
    assert crash.layers_agree(2, 2) == "these agree, from the reference's inputs and weights"
    assert crash.layers_agree(2, 2, ["p"]).endswith("from the reference's inputs and the weights that could be given")


def test_the_loss_is_cleared_by_the_targets_that_agree() -> None:
    """One agrees, two agree; where others do not, only what of it the target needs is."""
    assert ruled_out.loss_is_right(["a"]) == "the code of step and of the loss: with the reference's weights a agrees"
    assert ruled_out.loss_is_right(["a", "b"]).endswith("with the reference's weights a and b agree")
    partly = ruled_out.loss_is_right(["a"], ["p"], others_are_not=True)
    assert partly.startswith(
        "the code of step and of the loss, as far as a needs it: with the reference's weights (but"
    )


def test_weights_are_cleared_of_explaining_all_and_only_as_far_as_they_were_given() -> None:
    """Where some could not be given, how many were is said, and where they change little, that."""
    assert ruled_out.not_the_weights_alone(19, 19, "loss", 1.78, 1.6) == (
        "weights alone: with the reference's, loss is still 1.78, not 1.6"
    )
    assert ruled_out.not_the_weights_alone(17, 19, "loss", 7400.0, 1.6, as_it_is=7437.0) == (
        "weights alone, as far as they could be given (17 of 19 tensors): with the reference's, loss is still 7400, not 1.6; "
        "they change little of it (7437 as it is)"
    )
    assert ruled_out.code_is_wrong_with_the_reference_weights(1, 1) == (
        "weights alone: the code is wrong with the reference's too"
    )


def test_what_is_after_the_culprits_is_cleared_by_the_target() -> None:
    """As far as it shows it."""
    assert ruled_out.later_calls_are_right("m", "loss") == (
        "everything after m, as far as loss shows it: with the code to blame put right it agrees"
    )


def test_other_tensors_are_cleared_by_a_probe() -> None:
    """One tensor, or several."""
    assert "with the reference's values of this one alone" in ruled_out.other_tensors_are_right(1, "loss")
    assert "with the reference's values of these 3 alone" in ruled_out.other_tensors_are_right(3, "loss")
