"""What a report says of its limits is true of one and of many."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import limits
from bisect_tool.sentences.limits import Started


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (limits.calls_are_right(16, of=18), "the other 16 module calls: "),
        (limits.calls_are_right(1, of=2), "the other module call: "),
        (limits.calls_are_right(18, of=18), "all 18 module calls: "),
        (limits.calls_are_right(1, of=1), "the only module call: "),
        (limits.backward_passes_are_right(17, of=18), "the backward pass of the other 17 module calls: "),
        (limits.backward_passes_are_right(1, of=1), "the backward pass of the only module call: "),
    ],
)
def test_calls_are_counted(words: str, expected: str) -> None:
    """All of them, or the others."""
    assert words.startswith(expected)
    assert words.endswith("to within rounding")


def test_the_loss_is_cleared_by_the_targets_that_agree() -> None:
    """One agrees, two agree."""
    assert limits.loss_is_right(["a"]).endswith("with the reference's weights a agrees")
    assert limits.loss_is_right(["a", "b"]).endswith("with the reference's weights a and b agree")


def test_weights_are_cleared_only_as_far_as_they_were_given() -> None:
    """Where some could not be given, how many were is said."""
    assert limits.weights_are_right(19, of=19) == "weights: the fault remains with all reference weights loaded"
    assert limits.weights_are_right(17, of=19) == "weights: the fault remains with 17 of 19 reference weights loaded"


def test_other_tensors_are_cleared_by_a_probe() -> None:
    """One tensor, or several."""
    assert "with this one the port's own" in limits.other_tensors_are_right(1)
    assert "with these 3 the port's own" in limits.other_tensors_are_right(3)


@pytest.mark.parametrize(
    ("target", "off", "reasons", "words"),
    [
        ("loss", ["loss"], ["a is lost", "b is lost"], "No culprit could be proved for loss: a is lost; b is lost."),
        (None, [], ["a is lost"], "No culprit could be proved: a is lost."),
        (
            None,
            ["a"],
            [],
            "No culprit could be proved: every call is right by itself, yet a diverges; --target a says what was ruled out.",
        ),
        (
            None,
            ["a", "b"],
            [],
            "No culprit could be proved: every call is right by itself, yet a and b diverge; --target a says what was ruled out.",
        ),
        (
            "loss",
            ["loss"],
            [],
            "No culprit could be proved for loss: the probes that should prove it do not agree with each other.",
        ),
    ],
)
def test_why_nothing_is_proved_is_said(target: str | None, off: list[str], reasons: list[str], words: str) -> None:
    """The reason follows the verdict."""
    assert limits.inconclusive(target, off, reasons) == words


SPREAD = ", and with its own it starts within the reference's spread"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (Started(), "computes the same."),
        (Started(within=["loss"]), f"{SPREAD}."),
        (Started(within=["loss"], unlike=["a", "b"]), f"{SPREAD}; yet these start by other laws: a, b."),
        (Started(same=True), "computes the same; it starts with the reference's values."),
        (Started(why="no seeds"), "computes the same; whether it starts the same was not asked: no seeds."),
        (Started(within=["loss"], rare=True), "computes the same; with its own it starts elsewhere, as by a rare draw."),
        (Started(within=["loss"], settings=["p of m: 1, reference 2"]), f"{SPREAD}; yet no value of one run shows p of m: 1, reference 2."),
    ],
)  # fmt: skip
def test_agreement_says_under_which_weights_and_what_it_lacks(start: Started, words: str) -> None:
    """Whatever differs or was not asked stands beside it."""
    said = limits.agrees("loss", start)
    assert said.startswith("loss agrees: with the reference's weights the port computes the same")
    assert said.endswith(words)


def test_all_that_agrees_is_said_without_a_target() -> None:
    """Calls, targets, how these start, and gradients where they were compared."""
    assert limits.all_agree(["a"], [], Started()).endswith("and so does a.")
    lost = limits.all_agree(["a"], [], Started(), lost=6)
    assert lost.startswith("Every module call but 6 that could not be compared agrees")
    words = limits.all_agree(["a", "b"], ["a", "b"], Started(within=["a", "b"]))
    assert words.endswith(
        "so do a and b; with its own weights a and b start within the reference's spread. Every gradient of a + b agrees too."
    )
    partly = limits.all_agree(["a", "b"], [], Started(within=["a"], why="b feels nothing"))
    assert partly.endswith(
        "a starts within the reference's spread; whether it starts the same was not asked of all: b feels nothing."
    )
    rounded = limits.all_agree(["a"], ["a"], Started(), rounded=4)
    assert rounded.endswith("Every call's gradient of a agrees too, by itself; in 4 parameters rounding adds up.")


@pytest.mark.parametrize(
    ("confirmed", "probes", "words"),
    [(True, 2, "proved by two probes"), (True, 1, "proved"), (False, 2, "not proved"), (False, 0, "not proved")],
)
def test_the_status_of_a_culprit_says_how_it_is_proved(confirmed: bool, probes: int, words: str) -> None:
    """By two probes, by one, or not at all."""
    assert limits.status(probes, confirmed=confirmed) == words


def test_what_was_not_asked_is_said_with_the_command_that_asks() -> None:
    """Each note names what to do."""
    assert limits.start_not_asked("why") == "whether it starts the same was not asked: why"
    assert "`bisect capture --grads`, then" in limits.gradients_not_compared(known=False)
    assert "capture" not in limits.gradients_not_compared(known=True)


def test_what_a_worker_lacks_is_named() -> None:
    """The capability that it does not announce, and what a report lacks without."""
    assert limits.not_asked("lines were not looked for", ["survey"]) == (
        "lines were not looked for: the port's worker does not announce survey"
    )


@pytest.mark.parametrize("operation", sorted(limits.UNANSWERED))
def test_a_failure_beside_the_probes_says_what_the_report_lacks(operation: str) -> None:
    """And why it failed."""
    assert limits.unanswered(operation, "out of memory").endswith(": out of memory")


def test_calls_that_could_not_be_compared_are_counted_apart():
    """They are cleared by nothing."""
    assert limits.calls_are_right(22, of=22, lost=6).endswith("to within rounding (6 others could not be compared)")
