"""Lists, places, numbers and quantities are spelled as people write them."""

from __future__ import annotations

import math

import pytest

from bisect_tool.sentences import spelling
from bisect_tool.sentences.spelling import GRADIENT_OF, WORST_GRADIENT


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e"], "a, b, c, d and 1 more"),
    ],
)
def test_a_list_ends_with_and(items: list[str], words: str) -> None:
    """Of many names the first are said, and how many more there are."""
    assert spelling.sentence_list(items) == words


@pytest.mark.parametrize(
    ("names", "words"),
    [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d"], "a, b, c and 1 more")],
)
def test_names_after_a_colon_are_joined_by_commas(names: list[str], words: str) -> None:
    """Of many the first three are said, and how many more there are."""
    assert spelling.listed(names) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 calls"), (1, "1 call"), (1234, "1,234 calls")])
def test_a_number_has_its_noun(number: int, words: str) -> None:
    """One is singular, and all else plural."""
    assert spelling.counted(number, "call") == words


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a.py:3"], "line 3 of a.py"),
        (["a.py:3", "a.py:3"], "line 3 of a.py"),
        (["a.py:9", "a.py:3", "a.py:4", "a.py:5"], "lines 3 to 5 and 9 of a.py"),
        (["a.py:3", "a.py:4"], "lines 3 and 4 of a.py"),
        (["a.py:3", "b.py:4", "b.py:8"], "line 3 of a.py and lines 4 and 8 of b.py"),
        (["C:/x.py:3"], "line 3 of C:/x.py"),
    ],
)
def test_lines_are_gathered_by_file(lines: list[str], words: str) -> None:
    """Neighbours become a range."""
    assert spelling.places(lines) == words


@pytest.mark.parametrize(
    ("port", "reference", "words"),
    [
        (2.0, 1.0, ("2", "1")),
        (1.00000012, 1.0, ("1.0000001", "1")),
        (1.0, 1.0, ("1", "1")),
        (math.nan, 1.0, ("nan", "1")),
        (None, 1.0, ("missing", "1")),
    ],
)
def test_two_numbers_have_the_digits_that_tell_them_apart(
    port: float | None, reference: float, words: tuple[str, str]
) -> None:
    """At least six digits, and more where these are the same."""
    assert spelling.apart(port, reference) == words


@pytest.mark.parametrize(
    ("quantity", "value", "words"),
    [
        ("reg_loss", 0.2622752, "reg_loss 0.2622752"),
        ("reg_loss", None, "reg_loss -"),
        ("reg_loss", math.nan, "reg_loss nan"),
        ("grad_norm", 833.34291, "grad_norm 833.3429"),
        (WORST_GRADIENT, 6255.921, "worst gradient error 6256 times what rounding allows"),
        (WORST_GRADIENT, 0.0, "worst gradient error 0"),
        (WORST_GRADIENT, None, "worst gradient error -"),
        (WORST_GRADIENT, math.inf, "worst gradient error inf"),
        (f"{GRADIENT_OF}net.w", 0.123456, "relative error of the gradient of net.w 0.1235"),
    ],
)
def test_what_a_probe_measured_is_said_with_its_unit(quantity: str, value: float | None, words: str) -> None:
    """A loss is a number, a gradient's error a multiple of what rounding allows."""
    assert spelling.measured(quantity, value) == words


def test_a_column_of_values_says_their_unit_once() -> None:
    """The heading has the unit, the cell the number."""
    assert spelling.heading("reg_loss") == "reg_loss"
    assert spelling.heading(WORST_GRADIENT) == "worst gradient error (times what rounding allows)"
    assert spelling.amount(WORST_GRADIENT, 6255.921) == "6256"
    assert spelling.amount("reg_loss", None) == "-"
