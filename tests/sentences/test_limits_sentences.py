"""What a report says of its limits is true of one and of many."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import limits
from bisect_tool.sentences.limits import Started


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


def test_calls_that_were_not_compared_are_not_said_to_be_right() -> None:
    """Nor weights that could not be given to have been the reference's."""
    words = limits.inconclusive(None, ["a"], [], lost=2)
    assert "every call that could be compared is right by itself, yet a diverges" in words
    assert limits.agrees("loss", Started(), ["p"]).startswith(
        "loss agrees: with the reference's weights (but for p, without a sure partner of that shape) the port computes"
    )
    said = limits.all_agree(["a"], [], Started(), weights_lost=["p"])
    assert "from the reference's inputs and the weights that could be given, and so does a" in said


SPREAD = ", and with its own it starts within the reference's spread"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (Started(), "computes the same."),
        (Started(within=["loss"]), f"{SPREAD}."),
        (Started(within=["loss"], unlike=["a", "b"]), f"{SPREAD}; yet these start by other laws: a, b."),
        (Started(same=True), "computes the same; its parameters start with the reference's values."),
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
    assert limits.all_agree(["a"], ["a"], Started(), unpaired=1).endswith(
        "Every gradient of a that could be compared agrees too."
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


def test_gradients_alone_that_are_off_are_said_to_be_so() -> None:
    """With who is suspected, and what is known: that values agree."""
    assert limits.inconclusive(None, [], [], of_gradients=["the backward pass of net.a, at line 3 of port.py,"]) == (
        "No culprit could be proved: values agree where they were compared, gradients do not, and no pass proves whose doing that is; "
        "suspected is the backward pass of net.a, at line 3 of port.py."
    )
