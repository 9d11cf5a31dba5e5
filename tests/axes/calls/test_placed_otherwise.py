"""Calls that mean another thing on both sides and do no harm, against a simulated port."""

import dataclasses
import functools

from simulated_port import STEP, Fault, Node, SimulatedPort

from bisect_tool.axes.calls.placed_otherwise import conventions, explained
from bisect_tool.questions.ranges import off_targets

SIZE = 0.5


def block(*inside):
    """Return a block between two layers."""
    return (Node("m0", "Conv"), Node("m1", "Block", inside), Node("m2", "Norm"))


def moved(call="m1.0", around="m1", size=SIZE):
    """Return what a call adds that the reference adds in the code around it: together they are right."""
    return (Fault("own", call, size), Fault("own", around, -size))


def passed_over(port, trace=None):
    question = port.question()
    tight = {"loss": port.loss_interval()}
    return conventions(question, trace or port.trace(), functools.partial(off_targets, tight))


def test_a_faithful_port_has_nothing_placed_otherwise():
    """Where nothing is off, nothing is passed over."""
    assert passed_over(SimulatedPort(block(Node("m1.0", "Conv")))) == {}


def test_code_that_is_moved_into_a_call_is_passed_over():
    """A call that is off is no fault where the block around it, left alone, gives the reference's output."""
    assert passed_over(SimulatedPort(block(Node("m1.0", "Conv")), moved())) == {"m1.0": "m1"}


def test_the_innermost_call_that_is_right_excuses_it():
    """Of all that is around a call and right, the innermost is named."""
    inner = Node("m1.0", "Block", (Node("m1.0.0", "Conv"),))
    assert passed_over(SimulatedPort(block(inner), moved("m1.0.0", "m1.0"))) == {"m1.0.0": "m1.0"}


def test_a_fault_excuses_nobody():
    """Where the block is wrong too, all that is off in it stays suspect."""
    assert passed_over(SimulatedPort(block(Node("m1.0", "Conv")), (Fault("own", "m1.0", SIZE),))) == {}


def test_a_block_that_does_not_feel_its_inside_excuses_nobody():
    """A gate that is zero makes a block right whatever is inside it: a disturbance shows that it would not feel an error."""

    class Gated(SimulatedPort):
        def run(self, intervention):
            return super().run(dataclasses.replace(intervention, disturbed=frozenset()))

    assert passed_over(Gated(block(Node("m1.0", "Conv")), moved())) == {}


def test_code_that_is_moved_beside_a_fault_is_passed_over():
    """With a real fault patched the block is right: the fault stays suspect, and the rest in the block is passed over."""
    inside = (Node("m1.0", "Conv"), Node("m1.1", "Act"), Node("m1.2", "Linear"))
    port = SimulatedPort(block(*inside), (*moved("m1.2"), Fault("own", "m1.0", 0.25)))
    assert passed_over(port) == {"m1.2": "m1"}


class TakenBack(SimulatedPort):
    """A port whose step takes back what its last layer adds."""

    taken = SIZE

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        reading.targets["loss"] -= 0.0 if "m2" in intervention.patched else self.taken
        return reading


def test_an_off_call_is_excused_by_step_where_the_targets_are_right():
    """What is off in the last layer and taken back in step is the code of step placed otherwise."""
    port = TakenBack(block(Node("m1.0", "Conv")), (Fault("own", "m2", SIZE),))
    assert passed_over(port) == {"m2": STEP}


def test_a_target_that_is_right_by_chance_excuses_nobody():
    """One number comes out near the reference's by chance where an error of that size moves it little."""
    port = TakenBack(block(Node("m1.0", "Conv")), (Fault("own", "m2", 5e-4),))
    port.taken = 4.9e-4
    assert off_targets({"loss": port.loss_interval()}, port.run(port.question().base)) < 1
    assert passed_over(port) == {}


def test_a_port_whose_probes_fail_excuses_nobody():
    """Where nobody can be disturbed, it is not known who would feel it."""
    port = SimulatedPort(block(Node("m1.0", "Conv")), moved())
    port.crashes = lambda intervention: bool(intervention.disturbed)
    assert passed_over(port) == {}


def test_without_calls_nothing_is_asked():
    """A port in which nothing can be patched is not run."""
    port = SimulatedPort(block(Node("m1.0", "Conv")), moved())
    question = port.question()
    assert conventions(question, port.trace().without(port.trace().sites), lambda _reading: 0.0) == {}
    assert question.log.rows == []


def test_what_is_passed_over_is_said_with_what_is_right_around_it():
    """Each call that is passed over has a sentence of its own."""
    (sentence,) = explained({"m1.0": "m1"})
    assert sentence.startswith("m1.0 gives or is given another value")
    assert "and m1 around it gives the reference's" in sentence
