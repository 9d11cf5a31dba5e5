"""What a report says of how much the weights explain, beside whoever is to blame."""

from __future__ import annotations

import math

import pytest
from answered_case import START, case, code, wrong_start

from bisect_tool.axes.axis import Answer
from bisect_tool.report.answer import report_of
from bisect_tool.wrong_start import WrongStart

MOST = "Most of it is the weights: loss is 7437 as it is, 1.178 with the reference's weights, 1 in the reference."


@pytest.mark.parametrize("target", ["loss", None])
def test_that_nearly_all_is_the_weights_is_said_although_the_code_is_wrong(target: str | None) -> None:
    """Who reads of the code alone would mend the smaller part."""
    report = report_of(case(code("b"), own=7437.0, base=1.178, start=START, target=target))
    assert report.verdict == "diverges"
    assert report.sentence.startswith("The code of b is wrong: ")
    assert report.sentence.endswith(f". {MOST}")


@pytest.mark.parametrize("base", [1.0, 1.178])
def test_it_is_said_where_nothing_is_proved(base: float) -> None:
    """Code that is not settled says nothing of it."""
    report = report_of(case(code("b", proved=False), own=7437.0, base=base, start=START))
    assert report.verdict == "inconclusive"
    assert "Most of it is the weights: loss is 7437 as it is" in report.sentence


@pytest.mark.parametrize(
    ("own", "base", "start"),
    [
        (1.4, 1.01, START),  # it starts where one more initialisation may
        (7437.0, 1.178, None),  # nobody knows where it may
        (7437.0, 7400.0, START),  # they explain nothing
        (7437.0, 3.0, START),  # or a part
        (None, 1.178, START),  # there is nothing to compare
        (7437.0, None, START),
        (7437.0, math.nan, START),
    ],
)
def test_it_is_not_said_of_other_values(own: float | None, base: float | None, start: object) -> None:
    """Weights that are drawn otherwise are no fault."""
    assert "Most of it" not in report_of(case(code("b"), own=own, base=base, start=start)).sentence


def test_it_is_not_said_of_a_port_that_agrees_nor_twice_of_one_target() -> None:
    """A rare draw is no fault; a start that is to blame has a sentence of its own."""
    rare = report_of(case(own=7437.0, start=START, start_answer=Answer(notes=("a rare draw",))))
    assert (rare.verdict, "Most of it" in rare.sentence) == ("agrees", False)
    blamed: WrongStart = wrong_start("a.w")
    report = report_of(case(own=7437.0, start=START, start_answer=Answer(culprits=(blamed,))))
    assert (
        report.sentence == "The initial value of a.w is wrong: with the port's own weights loss starts at 7437, not 1."
    )


def test_weights_that_explain_little_are_said_to() -> None:
    """It is no exoneration: they may be wrong all the same, and the code hide it."""
    report = report_of(case(code("b"), own=7437.0, base=7400.0, start=START))
    assert (
        "weights alone: with the reference's, loss is still 7400, not 1; they change little of it (7437 as it is)"
        in report.ruled_out
    )
    inside = report_of(case(code("b"), own=1.4, base=1.4, start=START))
    assert "weights alone: with the reference's, loss is still 1.4, not 1" in inside.ruled_out
