"""The axis of calls on small constructed ports: kin, wrong inputs, faults at two depths, what fails, what is only suspected."""

from __future__ import annotations

import dataclasses

import pytest
from manifests import described, module, tensor
from simulated_port import STEP, Fault, Node, SimulatedPort, chain, search

from bisect_tool.axes.calls.search import CALLS, MOST_CULPRITS
from bisect_tool.culprit import WrongCaller, WrongCalls, WrongLoss, WrongRegion
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading
from bisect_tool.search.verdict import Verdict

NOTHING = Trace((), {}, {}, {}, 2e-5, {})
SIZE = 0.5


def sites(answer):
    return [culprit.sites for culprit in answer.culprits]


def block(*inside, parallel=False):
    """Return a block between two layers."""
    return (Node("m0", "Conv"), Node("m1", "Block", inside, parallel), Node("m2", "Norm"))


def test_calls_with_one_wrong_setting_are_one_culprit():
    """Calls that differ in the same setting are named together, with the setting; those that are right are not."""
    differences = {name: {"eps": (1e-3, 1e-5)} for name in ("m0", "m2", "m3")}
    port = SimulatedPort(chain(*["Norm"] * 5), (Fault("own", "m0", 0.01), Fault("own", "m3", 0.5)))
    (culprit,) = search(port, trace=port.trace(differences)).culprits
    assert culprit.sites == ("m0", "m3")
    assert "eps 1e-05, reference 0.001: m0 and 1 other call like it" in culprit.findings[1].message


def test_faults_in_a_chain_are_all_found():
    """Each is wrong by itself, whatever the distance, and they are named in execution order; one kind is one culprit."""
    faults = tuple(Fault("own", name, SIZE) for name in ("m0", "m2", "m3"))
    port = SimulatedPort(chain("Conv", "Norm", "Act", "Conv", "Pool"), faults)
    assert sites(search(port)) == [("m0", "m3"), ("m2",)]


def test_faults_at_two_depths_are_two_culprits():
    """A call and one two levels deeper in it are each wrong, and what lies between is right."""
    inner = Node("m1.0", "Block", (Node("m1.0.0", "Conv"),))
    port = SimulatedPort(block(inner), (Fault("own", "m1", SIZE), Fault("own", "m1.0.0", SIZE)))
    assert sorted(sites(search(port))) == [("m1",), ("m1.0.0",)]


INNER = Node("m1.0", "Inner", (Node("m1.0.0", "Conv"),))
BOTH = tuple(Fault("own", name, SIZE) for name in ("m1", "m1.0"))


def test_a_caller_and_its_callee_are_named_together():
    """A wrong call in wrong code: values cannot tell whether what they hand each other means another thing."""
    port = SimulatedPort(block(INNER, Node("m1.1", "Act")), BOTH)
    (culprit,) = search(port).culprits
    assert isinstance(culprit, WrongRegion)
    assert (culprit.sites, culprit.pieces, culprit.confirmed) == (("m1",), ("m1", "m1.0"), True)


def test_a_layer_of_the_framework_in_wrong_code_is_a_culprit_of_its_own():
    """No code has moved into it, and what is handed its output feels that it is wrong."""
    port = SimulatedPort(block(Node("m1.0", "Conv"), Node("m1.1", "Act")), BOTH)
    first, second = search(port).culprits
    assert isinstance(first, WrongCalls)
    assert isinstance(second, WrongCalls)
    assert (first.sites, first.confirmed, second.sites, second.confirmed) == (("m1",), True, ("m1.0",), True)


BLOCKS = tuple(Node(f"m{n}", "Block", (Node(f"m{n}.0", "Conv"), Node(f"m{n}.1", "Act"))) for n in range(3))


def test_containers_that_hand_on_the_same_wrong_thing_are_one_culprit():
    """A class that is written wrongly is wrong wherever it is used; one that hands another layer something is another."""
    feeds = [Fault("feed", name, SIZE) for name in ("m0.1", "m1.0", "m2.1")]
    first, second = search(SimulatedPort(BLOCKS, tuple(feeds))).culprits
    assert (first.sites, first.held, first.confirmed) == (("m0", "m2"), ("m0.1", "m2.1"), True)
    assert (second.sites, second.held, second.confirmed) == (("m1",), ("m1.0",), True)


MERGED = [Fault("own", f"m{n}{inner}", SIZE) for n in (0, 2) for inner in ("", ".0")]


def merged_blocks():
    """Return three blocks with a call in each whose code may have moved."""
    inner = (Node(f"m{n}.0", "Inner", (Node(f"m{n}.0.0", "Conv"),)) for n in range(3))
    return tuple(Node(f"m{n}", "Block", (call, Node(f"m{n}.1", "Act"))) for n, call in enumerate(inner))


def test_callers_that_are_merged_with_like_callees_are_one_culprit():
    """Of the pieces those of the first are listed; all calls that it shows at are held."""
    (culprit,) = search(SimulatedPort(merged_blocks(), tuple(MERGED))).culprits
    assert isinstance(culprit, WrongRegion)
    assert (culprit.sites, culprit.pieces, culprit.held) == (
        ("m0", "m2"),
        ("m0", "m0.0"),
        ("m0", "m0.0", "m2", "m2.0"),
    )
    assert culprit.blamed.who == "the code of m0 and m2, or of a call inside each,"


def test_callers_with_callees_that_differ_in_one_setting_by_other_values_are_one_culprit():
    """A padding that moved into the code around is another number for each dilation."""
    differences = {"m0.0": {"padding": (2, 0)}, "m2.0": {"padding": (4, 0)}}
    port = SimulatedPort(merged_blocks(), tuple(MERGED))
    (culprit,) = search(port, trace=port.trace(differences)).culprits
    assert culprit.sites == ("m0", "m2")


def test_wrong_inputs_of_two_calls_in_one_container_are_one_culprit():
    """A container that feeds two of its calls wrongly is named once, and is held by what heals it."""
    port = SimulatedPort(
        block(Node("m1.0", "Conv"), Node("m1.1", "Act"), parallel=True),
        (Fault("feed", "m1.0", SIZE), Fault("feed", "m1.1", SIZE)),
    )
    answer = search(port)
    assert sites(answer) == [("m1",)]
    assert answer.open_ends == ()


def test_a_call_that_is_fed_wrongly_is_not_wrong_by_itself():
    """What is off because of its input is the fault of the code that hands it on."""
    answer = search(SimulatedPort(block(Node("m1.0", "Conv")), (Fault("feed", "m1.0", SIZE),)))
    assert sites(answer) == [("m1",)]


def test_code_that_hands_on_the_wrong_thing_is_said_to():
    """It is known by the call that it feeds."""
    (culprit,) = search(SimulatedPort(block(Node("m1.0", "Conv")), (Fault("feed", "m1.0", SIZE),))).culprits
    assert isinstance(culprit, WrongCaller)
    assert culprit.feeds == ("m1.0",)


def test_an_outermost_call_that_is_fed_wrongly_is_the_code_of_step():
    """What ``step`` hands to its first call is no fault of the loss."""
    (culprit,) = search(SimulatedPort(chain("Conv", "Act"), (Fault("feed", "m0", SIZE),))).culprits
    assert isinstance(culprit, WrongCaller)
    assert (culprit.sites, culprit.feeds) == ((STEP,), ("m0",))


def test_a_fault_merged_with_step_leaves_nothing_open():
    """Where step hands on the wrong thing to a call that is wrong, both are named, and the answer is whole."""
    port = SimulatedPort(chain("Conv"), (Fault("feed", "m0", SIZE), Fault("own", "m0", SIZE)))
    assert search(port).open_ends == ()


def test_a_wrong_output_of_a_container_is_its_own_code():
    """A container is blamed for its own code only, in words, when every call inside it is the reference's."""
    (culprit,) = search(SimulatedPort(block(Node("m1.0", "Conv")), (Fault("own", "m1", 0.25),))).culprits
    assert culprit.sites == ("m1",)
    assert culprit.findings[0].message.startswith("m1's own code (not the layers inside it) is off by 25.00 %")


def moved(call="m1.0", around="m1", size=SIZE):
    """Return what a call adds that the reference adds in the code around it: together they are right."""
    return (Fault("own", call, size), Fault("own", around, -size))


@pytest.mark.parametrize("inside", ["m1.0", "m1.0.0"])
def test_code_that_is_moved_into_a_call_is_no_fault(inside):
    """A call that is off is no fault where the code around it, left to itself, gives the reference's output: a note says so."""
    port = SimulatedPort(block(Node("m1.0", "Block", (Node("m1.0.0", "Conv"),))), moved(inside))
    answer = search(port)
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert inside in answer.notes[0]
    assert inside in answer.elsewhere


def test_code_that_is_moved_beside_a_fault_is_no_fault():
    """The fault is named, and nothing else is."""
    inside = (Node("m1.0", "Conv"), Node("m1.1", "Act"), Node("m1.2", "Linear"))
    port = SimulatedPort(block(*inside), (*moved("m1.2"), Fault("own", "m1.0", 0.25)))
    assert sites(search(port)) == [("m1.0",)]


def test_a_block_that_does_not_feel_its_inside_excuses_nobody():
    """A block that is right whatever is inside it: a disturbance shows that it would not feel an error."""
    deaf = block(
        Node("m1.0", "Conv"), parallel=True
    )  # the largest is taken: what is less than the reference's, nobody feels
    assert sites(search(SimulatedPort(deaf, (Fault("own", "m1.0", -SIZE),)))) == [("m1.0",)]


def test_rounding_that_float64_clears_is_no_fault():
    """A call that is off by much in float32 and right in float64 is named in a note and not accused."""
    answer = search(SimulatedPort(chain("Conv", "Norm"), rounded={"m1": 5e-4}))
    assert answer.culprits == ()
    assert answer.notes[0].startswith("m1 is off by 0.05 % from the reference's inputs: rounding")


def test_a_fault_that_the_target_does_not_feel_is_named():
    """A call that is wrong by itself is named although the target agrees, and the loss is judged by a tighter measure."""
    (culprit,) = search(SimulatedPort(chain("Conv", "Norm"), (Fault("own", "m0", 2e-4),))).culprits
    assert (culprit.sites, culprit.felt, culprit.confirmed) == (("m0",), False, True)
    assert sites(search(SimulatedPort(chain("Conv"), loss_fault=1e-4))) == [(STEP,)]
    assert sites(search(SimulatedPort(chain("Conv"), loss_fault=1e-5))) == []


def test_a_fault_that_the_target_feels_has_both_proofs():
    """The necessary run puts right all before the culprit and diverges, the sufficient one puts it right alone and agrees."""
    (culprit,) = search(SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 1.0),))).culprits
    assert (culprit.necessary.what, culprit.necessary.verdict) == ("everything before m1 patched", Verdict.DIVERGES)
    assert (culprit.sufficient.what, culprit.sufficient.verdict) == ("m1 alone patched", Verdict.AGREES)


def test_calls_that_float64_cannot_compute_are_suspect_only_when_far_off():
    """Where a call's code does not run in float64, more than rounding may be rounding."""

    class OnlyFloat32(SimulatedPort):
        def run(self, intervention):
            reading = super().run(intervention)
            reading.watched.update({s: dataclasses.replace(w, exact=None) for s, w in reading.watched.items()})
            return reading

    faults = (Fault("own", "m0", 5e-4), Fault("own", "m1", 5e-3))
    assert sites(search(OnlyFloat32(chain("Conv", "Norm"), faults), target=None)) == [("m1",)]


class Misshapen(SimulatedPort):
    """A port whose ``m1`` gives another shape."""

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        row = Comparison("", mismatch="shape [2], reference [3]")
        watched = {s: dataclasses.replace(w, output=(row,)) if s == "m1" else w for s, w in reading.watched.items()}
        loose = "m1" in (intervention.dissolved or ())
        return dataclasses.replace(reading, watched=watched, targets={"loss": 2.0} if loose else reading.targets)


def test_an_output_of_another_shape_is_its_own_proof():
    """The call is wrong by its shape, whatever its weights are."""
    (culprit,) = search(Misshapen(chain("Conv", "Norm", "Act"))).culprits
    assert (culprit.sites, culprit.confirmed) == (("m1",), True)
    assert culprit.findings[0].message == "m1 gives shape [2], reference [3], from the reference's inputs and weights"


def test_infinity_is_no_rounding():
    """What overflows in float32 and not in float64 is wrong: the reference does not overflow."""

    class Overflowing(SimulatedPort):
        def run(self, intervention):
            reading = super().run(intervention)
            off = (Comparison("", mismatch="NaN or infinity in other places than the reference"),)
            watched = {s: dataclasses.replace(w, output=off) if s == "m0" else w for s, w in reading.watched.items()}
            loose = "m0" in (intervention.dissolved or ())
            return dataclasses.replace(reading, watched=watched, targets={"loss": 2.0} if loose else reading.targets)

    assert sites(search(Overflowing(chain("Act", "Conv")))) == [("m0",)]


def test_the_search_for_culprits_ends():
    """After the largest number of culprits no more are named, and the answer says that there may be more."""
    count = MOST_CULPRITS + 1
    faults = tuple(Fault("own", f"m{i}", SIZE) for i in range(count))
    answer = search(SimulatedPort(chain(*[f"Layer{i}" for i in range(count)]), faults))
    assert len(answer.culprits) == MOST_CULPRITS
    assert any("there may be more" in said for said in answer.open_ends)


def test_a_call_that_raises_is_suspected_and_the_others_are_judged():
    """It proves nothing; what it raised is said, and a fault elsewhere is named all the same."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m2", SIZE),), raising=frozenset({"m1"}))
    case = port.case()
    answer = CALLS.search(dataclasses.replace(case, base=Reading({"loss": 1.5})))
    assert {culprit.sites: culprit.confirmed for culprit in answer.culprits} == {("m1",): False, ("m2",): True}
    assert any("ValueError: m1 does not run" in said for said in answer.open_ends)


def test_what_is_handed_something_unknown_is_named_with_the_code_around_it():
    """An input without a partner may be the cause, and is made there."""
    port = SimulatedPort(block(Node("m1.0", "Conv")), (Fault("own", "m1.0", SIZE),), hidden={"m1.0": ("mask",)})
    (culprit,) = search(port).culprits
    assert (culprit.sites, culprit.pieces, culprit.confirmed) == (("m1",), ("m1", "m1.0"), True)


@pytest.mark.parametrize(("given", "confirmed"), [((), False), (("m0.weight",), True)])
def test_what_was_not_given_its_weights_is_only_suspected(given, confirmed):
    """A layer with a tensor that could not be given the reference's value is no proof; one whose tensors all were is."""
    port = SimulatedPort(chain("Conv", "Act"), (Fault("own", "m0", SIZE),))
    model = described([module("m0"), module("m1")], [tensor("m0.weight")])
    case = dataclasses.replace(port.case(described=model), state=given)
    answer = CALLS.search(case)
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [(("m0",), confirmed)]
    assert any("m0.weight could not be given" in said for said in answer.open_ends) != confirmed


def test_no_weight_excuses_another_shape():
    """An output of another shape is wrong whatever the weights are."""
    model = described([module("m1")], [tensor("m1.weight")])
    answer = CALLS.search(Misshapen(chain("Conv", "Norm", "Act")).case(described=model))
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [(("m1",), True)]


def test_without_a_target_every_call_is_judged_by_itself():
    """All that is wrong by itself is named in execution order, the loss after the layers."""
    port = SimulatedPort(block(Node("m1.0", "Conv")), (Fault("own", "m1.0", SIZE),), loss_fault=SIZE)
    answer = search(port, target=None)
    assert [type(culprit) for culprit in answer.culprits] == [WrongCalls, WrongLoss]
    assert all(culprit.sufficient is None and not culprit.felt for culprit in answer.culprits[:1])


def test_a_port_that_fails_with_the_reference_s_weights_is_not_judged():
    """The answer is why, and no more is asked."""
    case = dataclasses.replace(SimulatedPort(chain("Conv", "Norm")).case(), base=Reading(failure="killed"))
    assert CALLS.search(case).open_ends == ("the port fails with the reference's weights: killed",)


def test_a_port_that_fails_in_a_forced_pass_is_not_judged():
    """Nothing is accused of what could not be run."""
    port = SimulatedPort(chain("Conv", "Norm"), (Fault("own", "m0", 1.0),), crashes=lambda i: i.dissolved is not None)
    answer = search(port)
    assert answer.culprits == ()
    assert answer.open_ends[0].endswith("killed")


@pytest.mark.parametrize(
    ("target", "size", "open_ends"),
    [
        ("loss", 0.0, ()),
        ("loss", SIZE, ("the code diverges, but no module call has a partner that could be patched",)),
        (None, SIZE, ("no module call has a partner that could be patched",)),
    ],
)
def test_without_calls_that_can_be_judged_only_the_target_is(target, size, open_ends):
    """A target that agrees needs no call; one that diverges has an open end."""
    answer = search(SimulatedPort(chain("Conv"), loss_fault=size), target=target, trace=NOTHING)
    assert (answer.culprits, answer.open_ends) == ((), open_ends)
