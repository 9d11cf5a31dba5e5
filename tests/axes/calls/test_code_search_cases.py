"""The code search on small constructed ports: kin, wrong inputs, what one fault hides of another, what fails."""

import dataclasses

from simulated_port import STEP, Fault, Node, SimulatedPort, chain

from bisect_tool.axes.calls.search import MOST_CULPRITS, search_code, search_local
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.ranges import TargetQuestion
from bisect_tool.search.verdict import Verdict


def search(port, **options):
    return search_code(port.question(), port.trace(**options), port.loss_interval())


def test_calls_with_one_wrong_setting_are_one_culprit():
    """Calls that differ in the same setting are named together, with the setting; those that are right are not."""
    differences = {name: {"eps": (1e-3, 1e-5)} for name in ("m0", "m2", "m3")}
    port = SimulatedPort(chain(*["Norm"] * 5), (Fault("own", "m0", 0.01), Fault("own", "m3", 0.5)))
    (culprit,) = search(port, differences=differences).culprits
    assert culprit.sites == ("m0", "m3")
    assert "eps 1e-05, reference 0.001: m0 and 1 other call like it" in culprit.findings[1].message


def test_a_call_of_the_same_class_that_is_fed_wrongly_is_no_kin():
    """A call is not named with its like for an error that only its wrong input makes."""
    port = SimulatedPort(chain("Conv", "Conv"), (Fault("feed", "m0", 1.0), Fault("own", "m1", 1.0)))
    assert {culprit.sites for culprit in search(port).culprits} == {("m1",), (STEP,)}


def test_a_fault_before_wrongly_fed_code_is_found():
    """Holding the call that a container feeds wrongly does not hide what feeds the container."""
    tops = (Node("m0", "Conv"), Node("m1", "Chain", (Node("m1.0", "Conv"),)))
    answer = search(SimulatedPort(tops, (Fault("own", "m0", 1.0), Fault("feed", "m1.0", 1.0))))
    assert [(c.sites, c.felt, c.confirmed) for c in answer.culprits] == [
        (("m1",), True, True),
        (("m0",), False, True),
    ]


def test_faults_in_a_chain_are_all_found():
    """The last is proved by cuts; those that holding it hides are wrong by themselves, whatever the distance."""
    port = SimulatedPort(
        chain("Conv", "Norm", "Act", "Linear", "Pool"),
        (Fault("own", "m0", 0.5), Fault("own", "m2", 0.5), Fault("own", "m3", 0.5)),
    )
    assert [culprit.sites for culprit in search(port).culprits] == [("m3",), ("m0",), ("m2",)]


def test_a_fault_before_a_call_inside_a_held_container_is_found():
    """A container that is held does not keep the inputs of what is held inside it from being looked at."""
    around = Node("m1", "Chain", (Node("m1.0", "Act"), Node("m1.1", "Conv")))
    faults = tuple(Fault("own", name, 0.5) for name in ("m0", "m1.0", "m1.1", "m1"))
    answer = search(SimulatedPort((Node("m0", "Conv"), around), faults))
    assert [culprit.sites for culprit in answer.culprits] == [("m1",), ("m0", "m1.1"), ("m1.0",)]
    assert answer.open_ends == ()


def test_wrong_inputs_of_two_calls_in_one_container_are_one_culprit():
    """A container that feeds two of its calls wrongly is named once and held at both."""
    tops = (Node("m0", "Parallel", (Node("m0.0", "Conv"), Node("m0.1", "Act")), parallel=True),)
    answer = search(SimulatedPort(tops, (Fault("feed", "m0.0", 0.5), Fault("feed", "m0.1", 0.5))))
    (culprit,) = answer.culprits
    assert culprit.sites == ("m0",)
    assert set(culprit.held) == {"m0.0", "m0.1"}
    assert len(culprit.findings) == 2


def test_a_wrong_output_of_a_container_is_its_own_code():
    """A container is blamed for its own code only, in words, when every call inside it is the reference's."""
    tops = (Node("m0", "Chain", (Node("m0.0", "Conv"),)),)
    (culprit,) = search(SimulatedPort(tops, (Fault("own", "m0", 0.25),))).culprits
    assert culprit.sites == ("m0",)
    assert culprit.findings[0].message.startswith("m0's own code (not the layers inside it) is off by 25.00 %")


def test_a_container_that_cannot_be_watched_is_not_accused():
    """A call around a wrongly fed one that the port does not have is passed over; a known one around it is blamed."""
    inner = Node("m0.0", "Chain", (Node("m0.0.0", "Conv"),))
    port = SimulatedPort((Node("m0", "Chain", (inner,)),), (Fault("feed", "m0.0", 1.0),))
    blind = _without(port, "m0.0")
    assert [
        culprit.sites for culprit in search_code(blind.question(), blind.trace(), blind.loss_interval()).culprits
    ] == [("m0",)]


def test_a_fault_that_a_culprit_stands_in_for_is_named_too():
    """A call inside a container that is held is wrong by itself, though the target cannot show it."""
    tops = (Node("m0", "Chain", (Node("m0.0", "Conv"), Node("m0.1", "Act"))),)
    answer = search(SimulatedPort(tops, (Fault("own", "m0", 0.5), Fault("own", "m0.0", 0.5))))
    assert [(culprit.sites, culprit.felt) for culprit in answer.culprits] == [(("m0",), True), (("m0.0",), False)]


def test_rounding_that_float64_clears_is_no_fault():
    """A call that is off by much in float32 and right in float64 is named in a note and not accused."""
    port = SimulatedPort(chain("Conv", "Norm"), rounded={"m1": 1e-3})
    answer = search(port)
    assert answer.culprits == ()
    assert answer.notes[0].startswith("m1 is off by 0.10 % from the reference's inputs: rounding")


def test_nobody_is_accused_of_what_float64_clears():
    """When the target feels rounding that float64 clears, nobody is to blame and the answer says so."""
    answer = search(SimulatedPort(chain("Conv", "Norm"), rounded={"m1": 0.1}))
    assert answer.culprits == ()
    assert "to within rounding: loss feels rounding more than was measured" in answer.open_ends[0]


def test_a_fault_that_the_target_does_not_feel_is_named():
    """A call that is wrong by itself is named although the target agrees, and the loss is judged by a tighter measure."""
    port = SimulatedPort(chain("Conv", "Norm"), (Fault("own", "m0", 2e-4),))
    assert not port.diverges()
    (culprit,) = search(port).culprits
    assert (culprit.sites, culprit.felt, culprit.confirmed) == (("m0",), False, True)
    assert accused_of_loss(SimulatedPort(chain("Conv"), loss_fault=1e-4)) == [(STEP,)]
    assert accused_of_loss(SimulatedPort(chain("Conv"), loss_fault=1e-5)) == []


def accused_of_loss(port):
    assert not port.diverges()
    return [culprit.sites for culprit in search(port).culprits]


def test_a_call_that_is_fed_wrongly_is_not_wrong_by_itself():
    """A call that is off because of its input is not said to be off from the reference's inputs."""
    tops = (Node("m0", "Chain", (Node("m0.0", "Conv"), Node("m0.1", "Act"))),)
    answer = search(SimulatedPort(tops, (Fault("feed", "m0.0", 0.5), Fault("feed", "m0.1", 0.5))))
    assert [culprit.sites for culprit in answer.culprits] == [("m0",)]


def test_a_failure_while_a_culprit_is_looked_at_is_an_open_end():
    """When the probe that would tell a wrong call from a wrongly fed one fails, only the forced pass can tell."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("feed", "m1", 1.0),))
    everything = frozenset(port.trace().sites)
    port.crashes = lambda intervention: bool(intervention.watched) and intervention.patched != everything
    answer = search(port)
    assert [(c.sites, c.felt) for c in answer.culprits] == [((STEP,), False)]
    assert answer.open_ends == ("the port fails with everything before m1 patched: killed",)


def test_a_failure_with_everything_patched_is_an_open_end():
    """A port that fails when every call is patched is not judged."""
    port = SimulatedPort(chain("Conv", "Norm"), (Fault("own", "m0", 1.0),), crashes=lambda i: len(i.patched) == 2)
    answer = search(port)
    assert (answer.culprits, answer.open_ends) == ((), ("the port fails with every layer patched: killed",))


def test_a_failure_with_the_culprits_held_keeps_them():
    """A culprit whose second proof fails is kept as not confirmed."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 1.0),))
    port.crashes = lambda intervention: intervention.patched == {"m1"}
    answer = search(port)
    assert [(c.sites, c.confirmed) for c in answer.culprits] == [(("m1",), False)]
    assert answer.open_ends == ("the port fails with the culprits held: killed",)


def test_the_search_for_culprits_ends():
    """After the largest number of culprits the search stops and says that there may be more."""
    count = MOST_CULPRITS + 1
    faults = tuple(Fault("own", f"m{i}", 0.5) for i in range(count))
    answer = search(SimulatedPort(chain(*[f"Layer{i}" for i in range(count)]), faults))
    assert len(answer.culprits) == MOST_CULPRITS
    assert "there may be more" in answer.open_ends[0]


def test_the_second_proof_is_that_everything_else_diverges():
    """The necessary probe patches all before the culprit and diverges, the sufficient one patches it alone and agrees."""
    (culprit,) = search(SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 1.0),))).culprits
    assert (culprit.necessary.what, culprit.necessary.verdict) == ("everything before m1 patched", Verdict.DIVERGES)
    assert (culprit.sufficient.what, culprit.sufficient.verdict) == ("m1 alone patched", Verdict.AGREES)


def _without(port, name):
    """Return a port that has no call ``name`` of its own, so that it can be neither patched nor watched."""

    class Blind(SimulatedPort):
        def run(self, intervention):
            assert name not in intervention.patched
            reading = super().run(intervention)
            watched: dict[str, Watched] = {site: w for site, w in reading.watched.items() if site != name}
            return Reading(reading.targets, watched=watched, calls=reading.calls)

        def trace(self, differences=None):
            whole = super().trace(differences)
            return dataclasses.replace(whole, sites=tuple(site for site in whole.sites if site != name))

    return Blind(port.tops, port.faults)


class Withheld(SimulatedPort):
    """A port that gives no loss once a call is the reference's."""

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        return dataclasses.replace(reading, targets={}) if intervention.patched else reading


def test_infinity_is_no_rounding():
    """What overflows in float32 and not in float64 is wrong: the reference does not overflow."""

    class Overflowing(SimulatedPort):
        def run(self, intervention):
            reading = super().run(intervention)
            seen = reading.watched.get("m0")
            off = Comparison("", mismatch="NaN or infinity in other places than the reference")
            watched = {**reading.watched, "m0": dataclasses.replace(seen, output=(off,))} if seen else reading.watched
            return dataclasses.replace(reading, watched=watched)

    (culprit,) = search(Overflowing(chain("Act", "Conv"))).culprits
    assert culprit.sites == ("m0",)


def test_a_target_that_perfect_layers_do_not_give_blames_nobody():
    """No value is no proof that the code after the last layer is wrong."""
    port = Withheld(chain("Conv", "Linear"))
    asked = TargetQuestion(port.question(), port.loss_interval())
    for answer in (search(port), search_local({"loss": asked}, port.trace())):
        assert (answer.culprits, answer.open_ends) == ((), ("the port gives no loss with every layer patched",))
