"""A port that cannot be asked is said to be so, in one line, before anything is searched."""

import math

import pytest
from answering import run_of

from bisect_tool.errors import BisectError, InconclusiveError
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.ends import check_batch, check_target, ends


def test_a_sound_port_is_read_as_it_is():
    """The first of three runs is what the port gives; none of them is judged."""
    run = run_of(lambda intervention: Reading({"loss": 2.0}, seconds=float(intervention.repeat)))
    assert ends(run).targets == {"loss": 2.0}
    assert [(row.phase, row.what, row.value, row.verdict) for row in run.log.rows] == [
        ("ends", "as it is", 2.0, None),
        ("ends", "as it is, again", 2.0, None),
        ("ends", "every output replaced by a copy of itself", 2.0, None),
    ]


def test_a_port_that_gives_nan_each_time_is_deterministic():
    """NaN is no number that equals itself, and yet the same answer."""
    assert math.isnan(ends(run_of(lambda _intervention: Reading({"loss": math.nan}))).targets["loss"])


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("repeat", "identical runs of the port differ, in 1 of 2: loss 1.0, then 1.5"),
        ("echo", "replacing outputs by copies of themselves changes the port: loss 1.0, then 1.5"),
    ],
)
def test_a_port_that_does_not_give_the_same_twice_is_inconclusive(which, says):
    """Dropout, or code that overwrites what it was given: no probe proves anything then."""

    def answer(intervention):
        return Reading({"loss": 1.5 if getattr(intervention, which) else 1.0})

    with pytest.raises(InconclusiveError) as raised:
        ends(run_of(answer))
    assert str(raised.value) == says
    assert raised.value.hint


@pytest.mark.parametrize("which", ["repeat", "echo"])
@pytest.mark.parametrize(
    ("second", "says"),
    [(Reading(failure="killed"), r"(it fails|one failed): killed"), (Reading(), "loss 1.0, then None")],
)
def test_a_second_run_without_an_answer_is_inconclusive(which, second, says):
    """A run that fails, or loses the target, is not alike."""

    def answer(intervention):
        return second if getattr(intervention, which) else Reading({"loss": 1.0})

    with pytest.raises(InconclusiveError, match=says):
        ends(run_of(answer))


def test_a_port_that_does_not_run_is_inconclusive():
    """The failure is said, with its traceback as the detail and a hint where to begin."""
    with pytest.raises(InconclusiveError) as raised:
        ends(run_of(lambda _intervention: Reading(failure="ValueError: no", detail="Traceback")))
    assert str(raised.value) == "the port does not run as it is: ValueError: no"
    assert raised.value.detail == "Traceback"
    assert raised.value.hint == "mend that first; --debug shows all that the port said"


@pytest.mark.parametrize(
    ("reading", "says"),
    [
        (Reading({"other": 1.0}), "no target 'loss' in the port: its step returned other"),
        (Reading({}, {"loss": "has shape [2]"}), "target 'loss' of the port has shape [2]"),
    ],
)
def test_a_target_that_the_port_lacks_is_bad_input(reading, says):
    """What its step returns instead is said."""
    with pytest.raises(BisectError) as raised:
        ends(run_of(lambda _intervention: reading))
    assert str(raised.value) == says


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"targets": {"a": 1.0, "b": 2.0}}, "no target 'loss': step of the reference returned a, b"),
        ({"targets": {}, "not_scalar": {"loss": "has shape [2]"}}, "target 'loss' of the reference has shape [2]"),
        ({"targets": {"loss": math.inf}}, "target 'loss' of the reference is inf: there is nothing to compare with"),
    ],
)
def test_a_target_that_the_reference_lacks_is_bad_input(fields, says):
    """A name that is not there, an array, and a number that is not finite."""
    with pytest.raises(BisectError) as raised:
        check_target(run_of(**fields))
    assert str(raised.value) == says


def test_a_target_of_the_reference_passes():
    """A finite scalar is a target."""
    check_target(run_of())


@pytest.mark.parametrize(
    ("theirs", "has"), [({"img": (2,)}, "it has 'img'"), ({}, "it has no arrays"), ({"imgs": (2,)}, "it has 'imgs'")]
)
def test_a_batch_that_lacks_a_part_is_bad_input(theirs, has):
    """The port is given the reference's values: each must have a place."""
    with pytest.raises(BisectError) as raised:
        check_batch(run_of(batch=({"img": (2,), "labels": (2,)}, theirs)))
    assert "'labels'" in str(raised.value)
    assert has in str(raised.value)
    assert raised.value.hint


def test_a_batch_may_have_more():
    """A part of the port's batch alone does no harm here."""
    check_batch(run_of(batch=({"img": (2,)}, {"img": (2,), "ids": (2,)})))
