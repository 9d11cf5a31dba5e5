"""What a report rules out is made of what was given and compared in this run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answered_case import CALLS, HEALED, ILL, START, STATE, case, code, wrong_start
from manifests import described, module, tensor

from bisect_tool.axes.axis import Answer
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.optimizer.search import OptimizerAnswer
from bisect_tool.culprit import WrongCaller
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.report.answer import report_of
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_start import SilencingStart


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (STATE, ["weights alone: with the reference's, loss is still 2, not 1"]),
        (
            STATE[:2],
            [
                "weights alone, as far as they could be given (2 of 3 tensors): with the reference's, loss is still 2, not 1",
            ],
        ),
        ((), []),
    ],
)
def test_weights_are_ruled_out_as_far_as_they_were_given(state: tuple[Site, ...], words: list[str]) -> None:
    """Where none could be, nothing is said of them."""
    report = report_of(case(code("b"), own=2.0, base=2.0, state=state))
    assert [said for said in report.ruled_out if said.startswith("weights")] == words


def test_weights_are_not_ruled_out_by_code_that_is_only_suspected() -> None:
    """Of a target that agrees."""
    suspected, proved = (report_of(case(code("b", proved=known))).ruled_out for known in (False, True))
    assert not [said for said in suspected if said.startswith("weights")]
    assert "weights alone: the code is wrong with the reference's too" in proved


def test_who_reads_weights_that_were_not_given_reads_that_they_were_not() -> None:
    """In the headline, agreeing or not, and of the calls."""
    lost = "with the reference's weights (but for c.w, without a sure partner of that shape)"
    agreeing = report_of(case(state=STATE[:2]))
    assert agreeing.sentence.startswith(f"loss agrees: {lost} the port computes the same")
    assert agreeing.ruled_out[0].startswith(
        "all 3 module calls: from the reference's inputs and the weights that could"
    )
    assert f"{lost} loss agrees" in agreeing.ruled_out[1]
    assert report_of(case(code("b"), base=2.0, state=STATE[:2])).sentence == (
        f"The code of b is wrong: {lost} loss is 2, not 1."
    )
    no_target = report_of(case(target=None, state=STATE[:2]))
    assert "from the reference's inputs and the weights that could be given, and so does loss" in no_target.sentence


def test_a_second_name_that_the_reference_alone_has_is_not_lost() -> None:
    """The port has the tensor under its first."""
    tied = tensor("tied.w", alias_of="a.w")
    model = described([module(name) for name in CALLS], [*(tensor(name) for name in STATE), tied])
    assert "but for" not in report_of(case(model=model)).sentence
    assert (
        "(but for c.w, tied.w"
        in report_of(
            case(model={**model, "state": [*model["state"][:3], tensor("tied.w", alias_of="c.w")]}, state=STATE[:2])
        ).sentence
    )


def test_the_code_of_step_is_not_cleared_while_it_is_blamed() -> None:
    """Although the target that is asked about does not show it."""
    step = WrongCaller(sites=(STEP,), feeds=CALLS[:1], necessary=ILL, felt=False)
    assert not [said for said in report_of(case(step)).ruled_out if said.startswith("the code of step")]


def test_the_code_of_step_is_cleared_as_far_as_the_target_needs_it_where_another_one_diverges() -> None:
    """One target says nothing of what only the other reads."""
    known = case()
    loss = known.questions["loss"]
    other = TargetQuestion(replace(loss.question, target="other"), loss.loss)
    known = replace(known, questions={**known.questions, "other": other}, base=Reading({"loss": 1.0, "other": 9.0}))
    assert (
        "the code of step and of the loss, as far as loss needs it: with the reference's weights loss agrees"
        in report_of(known).ruled_out
    )


def test_what_comes_after_is_cleared_once_after_the_last_of_all_culprits() -> None:
    """Not between two of them, and not where one of them is not proved, or not shown by the target."""

    def after(*culprits: object) -> list[str]:
        return [said for said in report_of(case(*culprits, base=2.0)).ruled_out if said.startswith("everything after")]

    (said,) = after(code("a"), code("b"))
    assert said.startswith("everything after b, as far as loss shows it")
    assert after(code("a"), code("c", proved=False)) == after(code("a"), code("c", felt=False)) == []


def test_backward_passes_are_cleared_that_were_compared() -> None:
    """Not those that the port gave nothing of to compare, and none at all where there is none."""
    for pulled, words in ((CALLS, "all 3 module calls"), (CALLS[:2], "the other 2 module calls")):
        report = report_of(case(target=None, gradients=GradientAnswer(pulled=pulled)))
        assert f"the backward pass of {words}: " in report.ruled_out[1]
    report = report_of(case(target=None, gradients=GradientAnswer()))
    assert not [said for said in report.ruled_out if "backward" in said]


def test_other_tensors_are_cleared_by_the_target_that_was_asked() -> None:
    """Not by who else gets a gradient."""
    start = report_of(case(own=3.0, start=START, start_answer=Answer(culprits=(wrong_start("a.w"),))))
    assert "every other parameter and buffer, as far as loss shows it" in start.ruled_out[-1]
    silencing = SilencingStart(sites=STATE[:1], sufficient=HEALED, necessary=ILL)
    silent = report_of(case(own=3.0, start=START, start_answer=Answer(culprits=(silencing,))))
    assert not [said for said in silent.ruled_out if said.startswith("every other")]


def test_an_optimizer_that_was_compared_is_ruled_out() -> None:
    """As far as its parameters were compared, and not where it was not asked about."""

    def said(answer: Answer) -> list[str]:
        return [words for words in report_of(case().answered("optimizer", answer)).ruled_out if "optimizer" in words]

    right = "from the reference's values and gradients 2 parameters are the reference's after two steps"
    assert said(OptimizerAnswer(alike=("a", "b"))) == [f"the optimizer: {right}"]
    assert said(Answer()) == said(OptimizerAnswer()) == []
