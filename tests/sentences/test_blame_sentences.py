"""The headline names who is to blame first, and then by what it shows."""

from __future__ import annotations

import math

import pytest

from bisect_tool.sentences import blame, evidence
from bisect_tool.sentences.blame import Asked, Blame

ASKED = Asked("loss", 1.0, 2.0, gradient="grad_norm")
SEEN = evidence.code_diverges(ASKED)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (blame.calls(["m"]), "The code of m is wrong."),
        (blame.calls(["m", "m#2"]), "The code of m and m#2 is wrong."),
        (blame.calls(list("abcdef")), "The code of a, b, c, d and 2 more is wrong."),
        (blame.step_code(), "The code of step is wrong."),
        (blame.initial_values(["m.bias"]), "The initial value of m.bias is wrong."),
        (blame.initial_values(["m.bias", "m.weight"]), "The initial values of m.bias and m.weight are wrong."),
        (blame.loss([]), "The loss code after the last layer is wrong."),
        (
            blame.loss(["loss.py:3", "loss.py:4"]),
            "The loss code after the last layer (lines 3 and 4 of loss.py) is wrong.",
        ),
        (blame.line("y.py:24", ["step:x"], None, ()), "Line 24 of y.py, which computes step:x, is wrong."),
        (
            blame.line("y.py:24", ["step:x", "step:y"], None, ["y.py:26", "y.py:28"]),
            "Line 24 of y.py, which computes step:x and step:y, or one that could not be ruled out (lines 26 and 28 of y.py), is wrong.",
        ),
        (
            blame.line("y.py:24", ["step:x"], "by which a is called and not b", ()),
            "Line 24 of y.py, by which a is called and not b, is wrong.",
        ),
        (
            blame.line(None, ["step:x"], None, ()),
            "A line that could not be located, which computes step:x, is wrong.",
        ),
        (blame.backward(["net"], [], after_the_layers=False), "The backward pass of net is wrong."),
        (
            blame.backward(["net", "net#2"], ["n.py:5"], after_the_layers=False),
            "The backward pass of net and net#2, at line 5 of n.py, is wrong.",
        ),
        (
            blame.backward(["step"], [], after_the_layers=True),
            "The backward pass of the loss code after the last layer is wrong.",
        ),
        (blame.frozen(["m.bias"]), "The parameter m.bias is frozen in the port."),
        (blame.frozen(["m.bias", "m.weight"]), "The parameters m.bias and m.weight are frozen in the port."),
        (blame.unregistered(["m.bias"]), "The parameter m.bias is not among the port's parameters."),
        (
            blame.step("momentum 0.5, reference 0.9: m.bias"),
            "The optimizer's step is wrong: momentum 0.5, reference 0.9: m.bias.",
        ),
    ],
)
def test_each_kind_of_blame_is_a_sentence(who: Blame, words: str) -> None:
    """It begins with who is to blame and ends with a full stop."""
    assert blame.headline([(who, "")]) == words


def test_evidence_follows_the_verdict() -> None:
    """The numbers stand behind the colon."""
    assert blame.headline([(blame.calls(["m"]), SEEN)]) == (
        "The code of m is wrong: with the reference's weights loss is 2, not 1."
    )


def test_culprits_with_the_same_evidence_share_a_sentence() -> None:
    """The evidence is said once."""
    who = [blame.calls(["a"]), blame.calls(["b", "c"])]
    assert blame.headline((one, SEEN) for one in who) == (
        "The code of a and the code of b and c are wrong: with the reference's weights loss is 2, not 1."
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_commas_of_a_line_close_once(place: int) -> None:
    """Wherever in the list a line with its own commas stands, no comma is doubled."""
    who = [blame.calls(["a"]), blame.calls(["b"])]
    who.insert(place, blame.line("y.py:24", ["step:x"], None, ()))
    words = blame.headline((one, "") for one in who)
    assert "ine 24 of y.py, which computes step:x," in words
    assert ",," not in words
    assert words.endswith(" are wrong.")


def test_of_many_culprits_the_first_are_said() -> None:
    """A headline of twenty names would not be read."""
    words = blame.headline((blame.calls([f"m{i}"]), "") for i in range(20))
    assert words == "The code of m0, the code of m1, the code of m2, the code of m3 and 16 more are wrong."


def test_culprits_with_other_evidence_have_a_sentence_each() -> None:
    """In the order in which they were given."""
    words = blame.headline(
        [(blame.calls(["a"]), SEEN), (blame.initial_values(["a.bias"]), evidence.start_diverges("loss", 3.0, 1.0))]
    )
    assert words == (
        "The code of a is wrong: with the reference's weights loss is 2, not 1. "
        "The initial value of a.bias is wrong: with the port's own weights loss starts at 3, not 1."
    )


def test_mistakes_of_a_step_share_a_sentence() -> None:
    """The step is named once, with all that is wrong with it."""
    words = blame.headline([(blame.step("momentum 0.5, reference 0.9"), ""), (blame.step("nesterov off"), "")])
    assert words == "The optimizer's step is wrong: momentum 0.5, reference 0.9; nesterov off."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (evidence.code_diverges(Asked()), ": the reference's inputs and weights give another output"),
        (evidence.code_diverges(Asked("loss", 1.0)), ": with the reference's weights the port gives no loss"),
        (
            evidence.code_diverges(Asked("loss", 1.0, math.nan)),
            ": with the reference's weights loss is nan, not 1",
        ),
        (
            evidence.code_is_wrong("loss"),
            ", though loss does not show it: the reference's inputs and weights give another output",
        ),
        (evidence.start_diverges("loss", None, 1.0), ": with the port's own weights it gives no loss"),
        (
            evidence.start_is_other("constant", "loss"),
            ", though loss does not show it: a constant, where the reference's are random at every seed",
        ),
        (evidence.start_is_other("law", None), ": the reference's are drawn from another law"),
        (
            evidence.start_is_other("fixed", "loss"),
            ", though loss does not show it: the reference has other values, the same at every seed",
        ),
        (evidence.start_silences(), ": at the start other parameters get no gradient"),
        (evidence.backward_is_wrong(), ": the reference's values and gradients give other gradients"),
        (
            evidence.backward_is_wrong("grad_norm"),
            ", though grad_norm does not show it: the reference's values and gradients give other gradients",
        ),
        (evidence.untrained(), ""),
        (evidence.untrained("grad_norm"), ", though grad_norm does not show it"),
    ],
)
def test_evidence_says_what_was_seen(words: str, expected: str) -> None:
    """With numbers where a target shows it, and else from what it was computed."""
    assert words == expected
