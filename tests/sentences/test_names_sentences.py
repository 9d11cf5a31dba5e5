"""What is said of names: which is which, and the rule that settles it."""

import re

import pytest
import tomllib

from bisect_tool.sentences import names


@pytest.mark.parametrize(
    ("ours", "theirs", "renamed"),
    [
        (
            "model.q.weight",
            "model.lin_q.weight",
            {"model.q.bias": "model.lin_q.bias", "model.qk.bias": "model.qk.bias"},
        ),
        ("m.0.a.w", "m.1.a.w", {"m.0.b": "m.1.b", "m.00.b": "m.00.b"}),
        ("gain", "scale", {"gain": "scale"}),
    ],
)
def test_a_rule_can_be_put_into_a_recipe_and_renames(ours, theirs, renamed):
    """It is of the parts that differ, and of nothing that only begins alike."""
    ((pattern, replacement),) = tomllib.loads(names.rule(ours, theirs))["rename"]
    found = {name: re.sub(pattern, replacement, name) for name in (ours, *renamed)}
    assert found == {ours: theirs, **renamed}


def test_hints_that_contradict_each_other_are_said_with_the_rule():
    """One of them is shown, and how many more there are."""
    pair = ("m.lin_q.weight", "m.lin_v.weight")
    assert names.torn({"m.q.weight": pair, "m.q.bias": pair}) == (
        "m.q.weight is m.lin_q.weight by its name, and m.lin_v.weight by its initial values; and so 1 more; a rename rule settles it, "
        'such as rename = [["^m\\\\.q\\\\b", "m.lin_q"]]'
    )


@pytest.mark.parametrize(
    ("axes", "words"),
    [((1, 0), "transposed"), ((0, 2, 1), "with its axes in the order 0, 2, 1"), (None, "numbers in another order")],
)
def test_a_form_is_said_by_its_axes(axes, words):
    """Where they tell it."""
    assert names.unsure_form("w", names.form(axes)).startswith(f"w starts as the reference's {words}: ")
