"""Where a target may lie under each question, and what widens or narrows that."""

import dataclasses
import math

import pytest
from answering import run_of

from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ranges import (
    Tolerance,
    code_range,
    question_of,
    questions_of,
    spread_range,
    tight_range,
)
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site

STATE = [Site("net.weight")]


def trace_of(*sites):
    return Trace(tuple(map(Site, sites)), dict.fromkeys(sites), {}, {}, 2e-5, {})


def asked(run, *, trace=None, base=None):
    """Return the questions of a run whose calls are ``net``."""
    pair = Pair(run.capture.manifest, run.port.described, run.port.matching, {})
    return questions_of(run, pair, trace or trace_of("net"), STATE, base or Reading({"loss": 2.0, "other": 2.0}))


def test_the_code_range_is_what_rounding_all_layers_does():
    """Three times the measured noise; an explicit tolerance takes its place."""
    assert code_range(run_of()).high == pytest.approx(1.0 + 3e-4)
    assert code_range(run_of(tolerance=Tolerance(rtol=0.5))).high == 1.5


def test_from_perfect_layers_only_the_loss_rounds():
    """A target that no measurement speaks of is given what the code range gives it."""
    noise = {"rounding": 2e-5, "draws": 4, "targets": {"loss": 0.1}, "sites": {}, "loss": {}, "exact": {}}
    assert tight_range(run_of(), "loss").high == pytest.approx(1.0 + 2e-5)
    assert tight_range(run_of(noise=noise), "loss").high == pytest.approx(code_range(run_of(noise=noise)).high)


def spread(*values):
    return {"seeds": list(range(len(values))), "targets": [{"loss": value} for value in values], "state": {}}


def test_the_start_may_lie_in_the_spread_over_seeds():
    """Too few seeds say nothing, nor do seeds that never differ; rounding is the least."""
    rounding = Interval(0.99, 1.01, 1.0, "rounding")
    assert spread_range(run_of(spread=spread(1.1, 0.9)), rounding) is None
    wide = spread_range(run_of(spread=spread(1.1, 0.9, 1.05, 0.95)), rounding)
    assert wide.low < 0.8
    assert wide.high > 1.2
    assert spread_range(run_of(spread=spread(1.0, 1.0, 1.0)), rounding) is None
    narrow = spread_range(run_of(spread=spread(1.0, 1.0, 1.0 + 1e-9)), rounding)
    assert (narrow.low, narrow.high) == (0.99, 1.01)


def test_a_question_has_the_reference_s_weights_in_every_probe():
    """They are its base."""
    assert question_of(run_of(), STATE, code_range(run_of())).base.patched == {"net.weight"}


def test_the_target_is_asked_first_and_others_where_they_can_be():
    """A target that is not finite, or that the port lacks, has no question unless it is the one that is asked about."""
    targets = {"absent": 1.0, "broken": math.nan, "loss": 1.0, "other": 1.0}
    found = asked(run_of(target="other", targets=targets), base=Reading({"loss": 2.0, "other": 2.0, "broken": 1.0}))
    assert list(found) == ["other", "loss"]
    assert [question.question.target for question in found.values()] == ["other", "loss"]


def test_the_target_that_is_asked_about_has_a_question_whatever_the_port_gives():
    """A port that fails to give it is asked all the same: that is the answer."""
    assert list(asked(run_of(), base=Reading({"other": 2.0}))) == ["loss"]


def test_where_all_outermost_calls_are_given_the_loss_may_only_round():
    """One that is not, a part of the batch on one side, or an explicit tolerance: it may be off by what all layers do."""
    run = run_of(calls={"net": None}, sites=[])
    assert asked(run)["loss"].loss.high == pytest.approx(1 + 2e-5)
    lost = run_of(calls={"net": None, "gone": None}, sites=[])
    assert asked(lost)["loss"].loss == code_range(lost)
    batch = run_of(calls={"net": None}, batch=({"x": (2,)}, {"x": (2,), "y": (2,)}))
    assert asked(batch)["loss"].loss == code_range(batch)
    explicit = run_of(calls={"net": None}, tolerance=Tolerance(atol=0.5))
    assert asked(explicit)["loss"].loss.high == 1.5


def test_perfect_layers_that_cannot_be_had_prove_nothing_against_a_target_that_is_right():
    """Right as it is, with a call that cannot be given the reference's value: the loss is not judged from there."""
    run = run_of(calls={"net": None, "gone": None})
    assert asked(run, base=Reading({"loss": 1.0}))["loss"].loss.high == math.inf


@pytest.mark.parametrize(("sum_error", "held"), [(0.0, False), (1e-4, True), (1e-6, False)])
def test_a_framework_that_sums_naively_has_room_for_its_own_sums(sum_error, held):
    """Only as much as the loss is off from perfect layers, and only where its own sum explains that."""
    run = run_of(lambda _intervention: Reading({"loss": 1.0002}), calls={"net": None})
    run.port.sum_error = sum_error
    found = asked(run)["loss"]
    assert found.loss.holds(1.0002) == held
    assert found.question.verdict(Reading({"loss": 1.0004})) is (Verdict.AGREES if held else Verdict.DIVERGES)
    assert ("sums naively" in found.loss.origin) == held


@pytest.mark.parametrize(("off", "held"), [(0.08, True), (0.1, False)])
def test_no_framework_excuses_any_loss(off, held):
    """A worker that says its sums are worthless has as much room as the worst framework."""
    run = run_of(lambda _intervention: Reading({"loss": 1 + off}), calls={"net": None})
    run.port.sum_error = math.inf
    assert asked(run)["loss"].loss.holds(1 + off) == held


def test_a_port_that_fails_has_no_sums_to_measure():
    """Where the base fails the questions are asked of the log as they are."""
    run = run_of(calls={"net": None})
    asked(run, base=Reading(failure="killed"))
    assert run.log.rows == []


def test_a_run_about_another_target_is_the_same_run():
    """Targets share the log: what was asked for one is not run again for another."""
    run = run_of(targets={"loss": 1.0, "other": 1.0}, calls={"net": None})
    run.port.sum_error = 1.0  # else nobody asks how far its sums are off
    asked(run)
    assert len(run.log.rows) == 1
    assert dataclasses.replace(run, target="other").log is run.log
