"""The axis of gradients against a simulated port: what it blames, what proves it, and that it blames nothing else."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import described, tensor
from simulated_backward import NET, ROUNDING, SIZE, SimulatedBackward, search
from simulated_port import MODELS, Node, chain

from bisect_tool.axes.axis import Answer, ask
from bisect_tool.axes.calls.search import CallsAnswer, Judged
from bisect_tool.axes.gradients.search import GRADIENTS, GradientAnswer
from bisect_tool.axes.gradients.targets import WORST_GRADIENT
from bisect_tool.captures.described import Described
from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.culprit import WrongCalls
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.report.answer import report_of
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_learning import Frozen, Unregistered, WrongBackward
from bisect_tool.wrong_start import SilencingStart

TREES = MODELS.map(lambda tops: tuple(map(_in_chains, tops)))  # one call after the other: gradients do not add up
FACTORS = st.sampled_from([0.0, 0.5, 2.0, 1.01])
COMMON = settings(deadline=None, max_examples=40)


def _in_chains(node: Node) -> Node:
    return dataclasses.replace(node, class_="Chain" if node.children else node.class_, parallel=False)


def blamed(answer: GradientAnswer) -> set[str]:
    """Return all sites that are to blame."""
    return {site for culprit in answer.culprits for site in culprit.sites}


@given(TREES)
@COMMON
def test_a_faithful_port_is_never_blamed(tops: tuple[Node, ...]) -> None:
    """Three passes are enough to say so."""
    case = SimulatedBackward(tops).case()
    answer = search(case)
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert case.log.count("backward") == 3
    assert answer.norms.reference == pytest.approx(answer.norms.port)
    assert all(row["same"] for row in answer.triage)
    assert answer.pulled == case.trace.sites


@given(TREES, FACTORS, st.data())
@COMMON
def test_a_call_that_passes_gradients_on_wrongly_is_named(
    tops: tuple[Node, ...], factor: float, data: st.DataObject
) -> None:
    """Whatever call of whatever net, or the code of step: it alone, with two proofs that say what the worst error is."""
    names = [node.name for top in tops for node in top.walk()]
    wrong = data.draw(st.sampled_from([*names, STEP]))
    answer = search(SimulatedBackward(tops, {wrong: factor}).case())
    assert set(answer.pulled) == set(names) - {wrong}
    (culprit,) = answer.culprits
    assert (type(culprit), culprit.sites, culprit.felt, culprit.confirmed) == (WrongBackward, (wrong,), True, True)
    assert culprit.sufficient is not None
    assert (culprit.sufficient.quantity, culprit.sufficient.value) == (WORST_GRADIENT, 0.0)
    assert culprit.necessary is not None
    assert culprit.necessary.quantity == WORST_GRADIENT
    assert culprit.necessary.value == pytest.approx(abs(factor - 1) / (3 * ROUNDING))


class Keeping(SimulatedBackward):
    """A port that gives no gradient of one parameter by itself."""

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe."""
        reading = super().run(intervention)
        return dataclasses.replace(reading, pieces=tuple(row for row in reading.pieces if row.path != "m1.a.weight"))


def test_a_backward_pass_that_was_not_compared_in_all_it_gives_is_not_cleared() -> None:
    """Although nobody is to blame."""
    case = Keeping(NET).case()
    answer = search(case)
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert set(case.trace.sites) - set(answer.pulled) == {"m1.a"}


@pytest.mark.parametrize("unsure", ["m1", "m0"])
def test_what_is_handed_without_a_sure_partner_proves_nothing(unsure: str) -> None:
    """Neither of who is handed it, nor beside a call that is put right and passes on what is not known to be all."""
    port = SimulatedBackward(NET, {"m1": 0.0}, unsure=(Site(unsure),))
    wrong = CallsAnswer(judged=Judged(), culprits=(WrongCalls(sites=(Site("m0"),)),))
    answer = search(port.case(wrong))
    (culprit,) = answer.culprits
    assert (culprit.sites, culprit.confirmed) == (("m1",), False)
    assert culprit.doubts[0].startswith(f"in {unsure} a call is handed other arguments than in the reference")
    assert Site(unsure) not in answer.pulled
    answer = search(SimulatedBackward(NET, {"m1": 0.0}, unsure=(Site("m2"),)).case())
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [(("m1",), True)]


def test_gradients_that_are_off_beside_wrong_code_are_no_open_end() -> None:
    """Its values may be why: a note says so."""
    port, _ = _off_by(2.5, 4)
    answer = search(port.case(CallsAnswer(judged=Judged(), culprits=(WrongCalls(sites=(Site("m3"),)),))))
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert answer.notes[0].endswith("can be asked once the code is right")


@given(TREES, st.data())
@COMMON
def test_two_calls_do_not_hide_each_other(tops: tuple[Node, ...], data: st.DataObject) -> None:
    """Wherever they stand: both are named, nobody else, and all is proved."""
    names = [STEP, *(node.name for top in tops for node in top.walk())]
    wrong = data.draw(st.sets(st.sampled_from(names), min_size=2, max_size=2))
    answer = search(SimulatedBackward(tops, dict.fromkeys(wrong, 3.0)).case())
    assert blamed(answer) == wrong
    assert all(culprit.confirmed for culprit in answer.culprits)


def test_what_ends_in_a_call_that_passes_nothing_on_is_noted() -> None:
    """No pass shows it, and what the code before it does may be another way of writing: nobody is blamed for that."""
    answer = search(SimulatedBackward(NET, {STEP: 3.0, "m2": 0.0}).case())
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [(("m2",), True)]
    assert "the own code of step passes on other gradients too" in answer.notes[0]


@given(TREES, st.data())
@COMMON
def test_rounding_is_no_fault(tops: tuple[Node, ...], data: st.DataObject) -> None:
    """Float64 clears a call that is off beside one at fault."""
    names = [node.name for top in tops for node in top.walk()]
    noisy = data.draw(st.sampled_from(names))
    wrong = data.draw(st.sampled_from([name for name in [*names, STEP] if name != noisy]))
    port = SimulatedBackward(tops, {wrong: 2.0}, rounded={noisy: 1e-3})
    assert blamed(search(port.case())) == {wrong}


def test_gradients_that_are_off_without_a_call_to_blame_are_left_open() -> None:
    """The whole pass says that they are off, every call by itself is right."""
    port = SimulatedBackward(NET, {"m0": 1.001}, rounded={"m0": -0.001})
    port.crashes = lambda intervention: bool(intervention.exact)
    answer = search(port.case())
    assert answer.culprits == ()
    (said,) = answer.open_ends
    assert said.startswith(
        "in the port's whole backward pass gradients are off by more than they may be: m0.weight (16.7 times)"
    )


def test_calls_of_one_kind_are_one_culprit() -> None:
    """Of the same classes, wrong in the same way; only the first two are described."""
    tops = chain("Conv", "Act", "Conv", "Conv")
    (culprit,) = search(SimulatedBackward(tops, {"m0": 2.0, "m2": 2.0, "m3": 2.0}).case()).culprits
    assert (culprit.sites, culprit.confirmed) == (("m0", "m2", "m3"), True)
    assert culprit.findings[-1].message == "and so does 1 more: m3"


@pytest.mark.parametrize(
    ("fault", "kind"), [("frozen", Frozen), ("unregistered", Unregistered)], ids=["frozen", "unregistered"]
)
def test_a_parameter_that_takes_no_gradient_is_named(fault: str, kind: type) -> None:
    """It alone, and proved: thawed, or counted as the reference's, everything agrees."""
    port = SimulatedBackward(NET, **{fault: frozenset({"m1.a.weight"})})  # type: ignore[arg-type]
    (culprit,) = search(port.case()).culprits
    assert (type(culprit), culprit.sites, culprit.confirmed) == (kind, ("m1.a.weight",), True)
    assert culprit.sufficient is not None
    assert culprit.sufficient.value == 0.0
    assert culprit.necessary is not None
    assert culprit.necessary.quantity == WORST_GRADIENT


def test_a_parameter_that_may_be_held_otherwise_accuses_nobody() -> None:
    """The port trains one of its own beside: it may be the reference's, split or put together with another one."""
    port = SimulatedBackward(NET, unregistered=frozenset({"m0.weight"}))
    own = described(
        state=[*(e.model_dump(by_alias=True) for e in port.described.state), tensor("m0.kernel", (SIZE, SIZE))]
    )
    port.described = Described.model_validate(own)
    answer = search(port.case())
    assert answer.culprits == ()
    (end,) = answer.open_ends
    assert "the port may hold it in m0.kernel" in end


def test_parameters_and_calls_are_told_apart() -> None:
    """A frozen one, one that is not registered and a call that cuts the path are three culprits, each proved."""
    port = SimulatedBackward(NET, {"m1": 0.0}, frozen=frozenset({"m2.weight"}), unregistered=frozenset({"m0.weight"}))
    answer = search(port.case())
    assert [(type(c), c.sites, c.confirmed) for c in answer.culprits] == [
        (WrongBackward, ("m1",), True),
        (Frozen, ("m2.weight",), True),
        (Unregistered, ("m0.weight",), True),
    ]


def test_initial_values_that_silence_others_are_named() -> None:
    """Two passes prove it: with these alone the reference's nobody is silent, with all others the reference's some are."""
    port = SimulatedBackward(NET, silenced={"m2.weight": frozenset({"m0.weight", "m1.a.weight"})})
    constant = InitialFinding("constant", (Site("m2.weight"),), "m2.weight starts at zero", "constant")
    answer = search(dataclasses.replace(port.case(), initial=(constant,)))
    (culprit,) = answer.culprits
    assert (type(culprit), culprit.sites, culprit.confirmed) == (SilencingStart, ("m2.weight",), True)
    proofs = culprit.sufficient, culprit.necessary
    assert [(p.quantity, p.value) for p in proofs if p] == [
        ("parameters without a gradient", 0.0),
        ("parameters without a gradient", 2.0),
    ]
    assert "2 of 4 parameters get no gradient in the port, with its own weights" in answer.said[0]
    assert "every one of 4 parameters gets a gradient on both sides, with the reference's weights" in answer.said[1]


def test_a_culprit_that_the_target_does_not_feel_is_proved_by_what_does() -> None:
    """Another parameter's gradient is asked about: one proof, which names those that are off."""
    case = SimulatedBackward(NET, {"m0": 2.0}).case()
    (culprit,) = search(dataclasses.replace(case, gradient_target="grad:m2.weight")).culprits
    assert (culprit.sites, culprit.felt, culprit.confirmed, culprit.sufficient) == (("m0",), False, True, None)
    assert culprit.necessary is not None
    assert culprit.necessary.what.endswith("all else as it is: the gradients of m0.weight are off")


@pytest.mark.parametrize(("target", "value"), [("grad_norm", 12**0.5), ("grad:m0.weight", 1.0)])
def test_the_target_that_is_asked_about_is_what_the_proofs_speak_of(target: str, value: float) -> None:
    """The norm of all gradients, or how far one is off."""
    case = SimulatedBackward(NET, {"m0": 0.0}).case()
    (culprit,) = search(dataclasses.replace(case, gradient_target=target)).culprits
    assert (culprit.sites, culprit.confirmed) == (("m0",), True)
    assert culprit.necessary is not None
    assert (culprit.necessary.quantity, culprit.necessary.value) == (target, pytest.approx(value))


@pytest.mark.parametrize(
    ("backward", "said"),
    [
        (
            "whole",
            "gradients could not be compared: with the reference's values in its place the port's backward pass stops (killed)",
        ),
        ("own", "the port's backward pass fails (killed)"),
        ("pieces", "the port's backward pass fails where each call's gradients are computed separately (killed)"),
    ],
)
def test_a_pass_that_fails_is_an_open_end(backward: str, said: str) -> None:
    """Nobody is blamed, and why is said."""
    port = SimulatedBackward(NET, {"m0": 0.0}, crashes=lambda intervention: intervention.backward == backward)
    answer = search(port.case())
    assert (answer.culprits, answer.open_ends) == ((), (said,))


def test_a_proof_that_fails_confirms_nothing() -> None:
    """The culprit is named, and not proved."""
    port = SimulatedBackward(NET, {"m1.a": 0.0}, crashes=lambda intervention: bool(intervention.corrected))
    (culprit,) = search(port.case()).culprits
    assert (culprit.sites, culprit.confirmed) == (("m1.a",), False)
    assert culprit.sufficient is not None
    assert culprit.sufficient.verdict is Verdict.UNRESOLVED


def test_nothing_is_compared_before_the_layers_run() -> None:
    """That is an open end."""
    answer = search(SimulatedBackward(NET).case(CallsAnswer(judged=None)))
    assert "with every layer patched" in answer.open_ends[0]


def test_a_call_that_is_wrong_on_the_way_forward_is_not_judged() -> None:
    """It is put right in every pass, and the other fault is found beside it."""
    calls = CallsAnswer(judged=Judged(), culprits=(WrongCalls(sites=(Site("m1.a"),)),))
    answer = search(SimulatedBackward(NET, {"m1.a": 0.5, "m0": 2.0}).case(calls))
    assert blamed(answer) == {"m0"}
    assert all(culprit.confirmed for culprit in answer.culprits)


def test_how_a_gradient_is_split_is_no_fault() -> None:
    """Where every parameter's gradient agrees nobody is to blame, whatever a call by itself shows."""
    answer = search(SimulatedBackward(NET, {"m1": 2.0, "m1.b": 0.5}).case())
    assert (answer.culprits, answer.open_ends) == ((), ())


@pytest.mark.parametrize("wrong", ["m0", "m2", STEP])
def test_a_factor_that_one_call_has_for_another_is_none_beside_a_fault(wrong: Site) -> None:
    """A gradient reversal that the port has in the head instead of around it, say, and a fault elsewhere: that alone is blamed."""
    answer = search(SimulatedBackward(NET, {"m1": 2.0, "m1.b": 0.5, wrong: 3.0}).case())
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [((wrong,), True)]
    assert "the own code of m1.b, m1 passes on other gradients too" in answer.notes[0]


def test_a_factor_that_one_call_has_for_another_is_none_beside_two_faults() -> None:
    """Neither of the two can be left out alone."""
    answer = search(SimulatedBackward(NET, {"m1": 2.0, "m1.b": 0.5, "m0": 3.0, STEP: 3.0}).case())
    assert blamed(answer) == {"m0", STEP}


def test_a_fault_in_code_that_another_call_does_something_for_is_in_one_of_them() -> None:
    """Neither is innocent by any pass; the report says that one of them at least is wrong."""
    (culprit,) = search(SimulatedBackward(NET, {"m1": 6.0, "m1.b": 0.5}).case()).culprits
    assert (culprit.sites, culprit.confirmed) == (("m1", "m1.b"), True)
    assert "a fault lies in the backward pass of one of them at least" in culprit.findings[0].message
    assert culprit.blamed.who == "the backward pass of m1, or of m1.b,"
    apart = search(
        SimulatedBackward(NET, {"m1": 6.0, "m1.a": 0.5}).case()
    ).culprits  # it is handed nothing of what is wrong
    assert {culprit.sites for culprit in apart} == {("m1",), ("m1.a",)}


def test_a_call_is_not_blamed_with_another_of_its_class() -> None:
    """One of them has a factor for the code around it, the other is at fault."""
    tops = (Node("a", "Conv"), Node("b", "Block", (Node("b.c", "Conv"),)), Node("d", "Conv"))
    answer = search(SimulatedBackward(tops, {"a": 3.0, "b": 0.5, "b.c": 2.0}).case())
    assert [(culprit.sites, culprit.confirmed) for culprit in answer.culprits] == [(("a",), True)]


def test_where_too_much_is_wrong_by_itself_nobody_is_proved() -> None:
    """The search for the fewest ends, and says so; what it was left with is suspected."""
    names = [f"m{number}" for number in range(40)]
    factors = {name: 2.0 if number % 2 else 0.5 for number, name in enumerate(names)}
    tops = tuple(Node(name, f"Class{number}") for number, name in enumerate(names))
    answer = search(SimulatedBackward(tops, {**factors, "m0": 3.0, "m21": 5.0}).case())
    assert answer.culprits
    assert not any(culprit.confirmed for culprit in answer.culprits)


@pytest.mark.parametrize("factor", [-1.0, 0.25, 3.0])
def test_what_code_gets_wrong_shows_behind_other_wrong_code(factor: float) -> None:
    """Also where all of it goes through that: put right, it passes on what is off before it."""
    answer = search(SimulatedBackward(NET, {STEP: factor, "m2": 2.0}).case())
    assert blamed(answer) == {STEP, "m2"}
    assert all(culprit.confirmed and culprit.sufficient for culprit in answer.culprits)


def test_a_capture_without_gradients_asks_nothing() -> None:
    """No pass is run."""
    case = SimulatedBackward(NET).case(gradients=None)
    assert GRADIENTS.search(case).open_ends == ()
    assert case.log.count("backward") == 0


def test_a_worker_without_gradients_is_no_open_end() -> None:
    """The axis is left out with a note, and what the rest says stays the verdict."""
    port = SimulatedBackward(NET, {"m0": 0.0}, capabilities=frozenset({"run"}))
    case = ask(GRADIENTS, port.case())
    answer = case.answers["gradients"]
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert answer.notes == ("gradients were not compared: the port's worker does not announce gradients",)
    assert case.answer(GradientAnswer) is None
    report = report_of(case.answered("start", Answer()))
    assert (report.verdict, report.gradients) == ("agrees", None)
    assert set(answer.notes) <= set(report.notes)


def test_a_norm_that_is_off_by_itself_is_an_open_end() -> None:
    """Each parameter agrees, and the target does not: nobody is to blame, and the run does not agree."""

    class OffTogether(SimulatedBackward):
        """A port whose worker says another norm than its gradients have."""

        def run(self, intervention: Intervention) -> Reading:
            """Run one probe."""
            reading = super().run(intervention)
            rows = {name: dataclasses.replace(row, norm=2 * row.norm) for name, row in reading.gradients.items()}
            return dataclasses.replace(reading, gradients=rows)

    case = dataclasses.replace(OffTogether(NET).case(), gradient_target="grad_norm")
    answer = search(case)
    assert answer.culprits == ()
    (open_end,) = answer.open_ends
    assert open_end.startswith("grad_norm is ")
    assert open_end.endswith(", further off than it may be, yet the gradient of each parameter agrees")


def _off_by(times: float, pieces: int) -> tuple[SimulatedBackward, GradientAnswer]:
    """Search a chain whose last call is right by itself, and whose gradients are off by so many times what they may be."""
    port = SimulatedBackward(chain(*["Conv"] * (pieces - 1)))
    band = 3 * ROUNDING * times
    port.factors = {f"m{pieces - 2}": 1 + band}
    port.rounded = {f"m{pieces - 2}": -band}  # which is not there in a piece
    return port, search(port.case())


def test_rounding_that_adds_up_is_no_open_end() -> None:
    """Where every piece was compared and is right: the run agrees, and a note says how far each gradient is off."""
    _, answer = _off_by(2.5, 9)
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert set(answer.rounded) == {f"m{number}.weight" for number in range(8)}
    (note,) = answer.notes
    assert "m0.weight (2.5 times)" in note
    assert "no piece is wrong" in note
    assert note.endswith("the rounding of 9 pieces may add up to 3 times")


def test_more_than_adds_up_is_left_open() -> None:
    """The rounding of four pieces is at most twice as much as where it cancels."""
    _, answer = _off_by(2.5, 4)
    assert (answer.culprits, answer.notes) == ((), ())
    (said,) = answer.open_ends
    assert "m0.weight (2.5 times)" in said
    assert (
        "yet each call's are right when computed separately: the rounding of 4 pieces adds up to 2 times at most"
        in said
    )


def test_a_piece_that_was_not_compared_is_named() -> None:
    """It may be what makes the gradients off: nothing is settled."""
    port = SimulatedBackward(chain(*["Conv"] * 8), {"m7": 1 + 6e-5 * 2}, rounded={"m7": -6e-5 * 2})
    plain = port.run

    def run(intervention: Intervention) -> Reading:
        reading = plain(intervention)
        return dataclasses.replace(reading, pieces=tuple(row for row in reading.pieces if row.site != "m3"))

    port.run = run  # type: ignore[method-assign]
    answer = search(port.case())
    assert (answer.culprits, answer.notes) == ((), ())
    assert answer.open_ends[0].endswith(
        "but the gradients of the input of m3, the output of m3, m3.weight could not be"
    )
