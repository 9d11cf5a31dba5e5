"""What is said of an optimizer's step, from names and numbers alone."""

from __future__ import annotations

import pytest

from bisect_tool.sentences import optimizer as sentences

KINDS = {"a.weight": "weight", "b.weight": "weight", "a.bias": "bias", "b.bias": "bias", "c.bias": "bias"}


@pytest.mark.parametrize(
    ("name", "port", "reference", "said"),
    [
        ("lr", 0.1, 0.01, "learning rate 0.1, reference 0.01 (10 times)"),
        ("lr", 0.1, 0.0, "learning rate 0.1, reference 0"),
        ("momentum", 0.9, 0.937, "momentum 0.9, reference 0.937"),
        ("nesterov", False, True, "Nesterov momentum off, reference on"),
        ("eps", 1e-3, 1e-8, "eps 0.001, reference 1e-08"),
    ],
)
def test_a_setting_is_said_with_both_values(name: str, port: float, reference: float, said: str) -> None:
    """And how many times the learning rate is the reference's."""
    assert sentences.setting(name, port, reference) == said


def test_a_choice_is_said_from_the_port_that_makes_it_or_does_not() -> None:
    """The first step is dampened, or it is not."""
    assert sentences.choice("first", port=True) == "first step dampened, reference: first step not dampened"
    assert sentences.choice("first", port=False) == "first step not dampened, reference: first step dampened"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (list(KINDS), "all 5 parameters"),
        (["a.bias"], "a.bias"),
        (["a.bias", "b.bias", "c.bias", "a.weight"], "all 3 biases, a.weight"),
        (["a.bias", "b.bias"], "2 of 3 biases (a.bias, b.bias)"),
    ],
)
def test_parameters_are_said_by_their_kinds(names: list[str], said: str) -> None:
    """All of a kind in short, few by name."""
    assert sentences.which(names, KINDS) == said


def test_the_rest_of_a_sentence() -> None:
    """How many values show a mistake, by how much what nothing explains is off, and what the framework does."""
    assert sentences.said_of("momentum 0.9", "all 5 parameters", 5) == "momentum 0.9: all 5 parameters"
    assert sentences.said_of("momentum 0.9", "a.bias", 2, shown=1) == "momentum 0.9: a.bias; shown by the values of 1"
    lost = "is in no group of the optimizer and never changes"
    assert sentences.said_of(sentences.NEVER_CHANGES, "a.bias", 1) == f"a.bias {lost}"
    assert sentences.off_by(0.5, 0.25) == (
        "off by up to 0.5 of the reference's update after one step, 0.25 after two, and the cause is not known"
    )
    assert sentences.of_the_framework("eps").startswith("the optimizer's step: eps (")
    assert sentences.after_two_steps(1).startswith("1 parameter after two steps")
