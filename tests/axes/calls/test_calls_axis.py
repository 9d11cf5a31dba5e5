"""The axis of calls, asked as a run asks it: what it answers without a target, without calls, and where probes fail."""

import dataclasses

import pytest
from simulated_case import case_of
from simulated_port import STEP, Fault, Node, SimulatedPort, chain

from bisect_tool.axes.calls.search import CALLS
from bisect_tool.culprit import WrongCalls, WrongLoss, held_by
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.search.verdict import Verdict

NOTHING = Trace((), {}, {}, {}, 2e-5, {})


def ask(port, *, target="loss", trace=None):
    """Return the case of a simulated port and what the axis answers about it."""
    question = port.question()
    case = case_of(port, trace=trace or port.trace(), target=target, code=question.interval, loss=port.loss_interval())
    return case, CALLS.search(case)


def test_without_a_target_every_call_is_judged_by_itself():
    """All that is wrong by itself is named in execution order, from one forced pass, and no cut is asked."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m0", 0.5), Fault("feed", "m2", 0.5)))
    case, answer = ask(port, target=None)
    assert [(c.sites, c.felt, c.confirmed) for c in answer.culprits] == [(("m0",), False, True), ((STEP,), False, True)]
    assert case.log.count("search") == 0
    assert all(culprit.sufficient is None for culprit in answer.culprits)


def test_without_a_target_a_loss_that_perfect_layers_do_not_make_right_is_named():
    """The code after the last layer is the first that is named."""
    port = SimulatedPort(chain("Conv", "Norm"), (Fault("own", "m0", 0.5),), loss_fault=0.5)
    _, answer = ask(port, target=None)
    assert [type(culprit) for culprit in answer.culprits] == [WrongLoss, WrongCalls]


def test_a_port_that_fails_with_the_reference_s_weights_is_not_judged():
    """The answer is why, and no more is asked."""
    port = SimulatedPort(chain("Conv", "Norm"))
    case, _ = ask(port)
    case = dataclasses.replace(case, base=Reading(failure="killed"))
    answer = CALLS.search(case)
    assert answer.open_ends == ("the port fails with the reference's weights: killed",)


@pytest.mark.parametrize(
    ("target", "size", "open_ends"),
    [
        ("loss", 0.0, ()),
        ("loss", 0.5, ("the code diverges, but no module call has a partner that could be patched",)),
        (None, 0.5, ("no module call has a partner that could be patched",)),
    ],
)
def test_without_calls_that_can_be_patched_only_the_target_is_judged(target, size, open_ends):
    """A target that agrees needs no call; one that diverges has an open end."""
    _, answer = ask(SimulatedPort(chain("Conv"), loss_fault=size), target=target, trace=NOTHING)
    assert (answer.culprits, answer.open_ends) == ((), open_ends)


def test_skipped_code_that_changes_the_port_is_an_open_end():
    """Where the port's own values in place of computing them change it, cuts prove nothing, and the forced pass still does."""

    class WritesIntoInputs(SimulatedPort):
        def run(self, intervention):
            reading = super().run(intervention)
            if intervention.kept:
                reading.targets["loss"] += 1e-3
            return reading

    _, answer = ask(WritesIntoInputs(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 0.5),)))
    assert [(c.sites, c.felt) for c in answer.culprits] == [(("m1",), False)]
    assert answer.open_ends[0].startswith("not computing what comes before m1 changes the port by itself (loss 1.5")


class Misshapen(SimulatedPort):
    """A port whose ``m1`` gives another shape, so that it is no site."""

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        if "m1" in intervention.watched:
            row = Comparison("", mismatch="shape [2], reference [3]")
            reading.watched["m1"] = Watched(reading.watched["m1"].inputs, (row,))
        return reading

    def trace(self, differences=None):
        """Return the trace of the other calls."""
        whole = super().trace(differences)
        return dataclasses.replace(whole, sites=tuple(s for s in whole.sites if s != "m1"), misshapen=("m1",))


def test_an_output_of_another_shape_is_its_own_proof():
    """It cannot be replaced: the target is not judged, and the call is wrong by its shape whatever its weights are."""
    _, answer = ask(Misshapen(chain("Conv", "Norm", "Act")))
    (culprit,) = answer.culprits
    assert (culprit.sites, culprit.by_shape, culprit.felt, culprit.confirmed) == (("m1",), True, False, True)
    assert culprit.findings[0].message == "m1 gives shape [2], reference [3], from the reference's inputs and weights"
    assert culprit.necessary.what == "everything before m1 patched: it gives shape [2], reference [3]"
    assert culprit.sufficient is None
    assert answer.open_ends == ("loss cannot be judged while m1 cannot be replaced",)


def test_without_a_target_no_loss_is_judged_while_a_layer_has_another_shape():
    """Perfect layers cannot be had: who is to blame for the loss is not known."""
    _, answer = ask(Misshapen(chain("Conv", "Norm", "Act"), loss_fault=0.5), target=None)
    assert [culprit.sites for culprit in answer.culprits] == [("m1",)]


def test_calls_that_float64_cannot_compute_are_suspect_only_when_far_off():
    """Where a call's code does not run in float64, more than rounding may be rounding."""

    class OnlyFloat32(SimulatedPort):
        def run(self, intervention):
            reading = super().run(intervention)
            reading.watched.update({s: dataclasses.replace(w, exact=None) for s, w in reading.watched.items()})
            return reading

    faults = (Fault("own", "m0", 5e-4), Fault("own", "m1", 5e-3))
    _, answer = ask(OnlyFloat32(chain("Conv", "Norm"), faults), target=None)
    assert [culprit.sites for culprit in answer.culprits] == [("m1",)]


def test_the_code_of_a_container_stands_for_calls_that_were_not_compared():
    """A call inside it that is no site may be the one: the finding says so."""
    port = SimulatedPort(
        (Node("m0", "Chain", (Node("m0.0", "Conv"), Node("m0.1", "Act"))),), (Fault("own", "m0", 0.25),)
    )
    whole = port.trace()
    _, answer = ask(port, trace=dataclasses.replace(whole, sites=tuple(s for s in whole.sites if s != "m0.1")))
    message = answer.culprits[0].findings[0].message
    assert message.startswith(
        "m0's own code, or that of m0.1 inside it, which could not be compared, is off by 25.00 %"
    )


def test_what_is_held_heals_the_target():
    """The sufficient proof is a run with the culprits alone patched."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 0.5),))
    case, answer = ask(port)
    assert answer.culprits[0].sufficient.verdict is Verdict.AGREES
    assert case.question.test("confirm", "held", held_by(answer.culprits)) is Verdict.AGREES
