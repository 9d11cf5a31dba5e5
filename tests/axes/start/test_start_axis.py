"""The axis of initial values, asked as a run asks it: around a simulated port whose layers have weights."""

import dataclasses

import pytest
from manifests import described, module, pair_of, tensor
from simulated_case import BarePort, case_of

from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.start.search import START
from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.culprit import ConstantStart, NotLoaded, WrongCalls, WrongLoss, WrongStart
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site

LAYERS = ("net.a", "net.b", "net.c")
STATE = tuple(Site(f"{layer}.{leaf}") for layer in LAYERS for leaf in ("weight", "bias"))
SPREAD = Interval(9.0, 11.0, 10.0, "the spread")


class LayeredPort(BarePort):
    """Three layers whose ``wrong`` tensors start otherwise.

    The loss is off until all of ``felt`` are patched. A layer is off as long as one of its own is wrong, and a constant as
    long as one of its own is in ``constant``.
    """

    def __init__(self, *, felt=(), wrong=(), constant=(), crashes=lambda _intervention: False):
        super().__init__()
        self.felt, self.wrong, self.constant, self.crashes = set(felt), set(wrong), set(constant), crashes
        self.asked = []

    def run(self, intervention):
        """Run one probe."""
        self.asked.append(intervention)
        if self.crashes(intervention):
            return Reading(failure="killed")

        def layer(name):
            left = {site for site in self.wrong - intervention.patched if site.startswith(name)}
            still = {site for site in self.constant - intervention.patched if site.startswith(name)}
            return Watched((), (Comparison("", 0.5 if left else 0.0, variation=0.0 if still else 1.0),))

        watched = {name: layer(name) for name in LAYERS if name in intervention.watched}
        loss = 20.0 if self.felt - intervention.patched else 10.0
        return Reading({"loss": loss}, watched=watched, calls=tuple((name, ()) for name in LAYERS))


def initial(site, kind):
    return InitialFinding("initialisation", (site,), f"{site}: {kind}", kind)


def case(port, *, suspects=(), calls=CallsAnswer(), start=SPREAD, target="loss", **changes):
    sites = tuple(map(Site, LAYERS))
    trace = Trace(sites, dict.fromkeys(sites), {}, {}, 2e-5, {})
    made = case_of(port, trace=trace, state=STATE, start=start, target=target, answers={"calls": calls})
    return dataclasses.replace(made, initial=tuple(suspects), **changes)


def ask(port, **options):
    return START.search(case(port, **options))


def test_a_port_that_starts_the_same_has_no_culprit():
    """Its own run was made before: nothing more is asked."""
    port = LayeredPort()
    answer = ask(port)
    assert (answer.culprits, answer.open_ends, answer.notes) == ((), (), ())
    assert len(port.asked) == 2  # as it is, and with the reference's weights: the case itself


@pytest.mark.parametrize("options", [{"start": None}, {"target": None}])
def test_where_nobody_can_tell_where_it_starts_nothing_is_asked(options):
    """Without a target, or with too few seeds, the axis is silent; the report's notes say so."""
    port = LayeredPort(felt=STATE[:1])
    answer = ask(port, **options)
    assert (answer.culprits, answer.open_ends, answer.notes) == ((), (), ())


@pytest.mark.parametrize("felt", [STATE[:1], STATE[1:4], STATE])
def test_the_tensors_that_the_target_feels_are_named(felt):
    """All that must be right together, in the order of the state, with both proofs."""
    (culprit,) = ask(LayeredPort(felt=felt)).culprits
    assert (type(culprit), culprit.sites, culprit.confirmed, culprit.felt) == (WrongStart, felt, True, True)
    assert culprit.sufficient.what == "these alone patched"
    assert culprit.necessary.what == "every other parameter and buffer patched"


def test_the_set_is_1_minimal():
    """Suspects beside the culprit are cut away: without any one of what is left the target does not agree."""
    suspects = [initial(site, "other constant") for site in STATE]
    port = LayeredPort(felt=STATE[1:3])
    made = case(port, suspects=suspects)
    (culprit,) = START.search(made).culprits
    assert culprit.sites == STATE[1:3]
    assert [finding.sites[0] for finding in culprit.findings] == list(STATE[1:3])
    for left_out in culprit.sites:
        patched = frozenset(culprit.sites) - {left_out}
        assert port.run(dataclasses.replace(port.asked[0], patched=patched)).targets == {"loss": 20.0}


def test_a_suspect_s_layers_before_it_are_not_computed_again():
    """They keep the port's own values in every probe that tries suspects."""
    port = LayeredPort(felt=[STATE[4]])
    ask(port, suspects=[initial(STATE[4], "no constant")])
    assert any(intervention.kept == {"net.a", "net.b"} for intervention in port.asked)


def test_a_constant_start_is_named_though_the_target_does_not_feel_it():
    """Its layer gives one constant until the tensor is patched: no signal passes."""
    suspects = [initial(STATE[0], "constant for random"), initial(STATE[2], "constant for random")]
    (culprit,) = ask(LayeredPort(constant=[STATE[0]]), suspects=suspects).culprits
    assert (type(culprit), culprit.sites, culprit.felt, culprit.confirmed) == (ConstantStart, (STATE[0],), False, True)
    assert culprit.findings == tuple(suspects[:1])
    assert culprit.sufficient.what == "these alone patched: net.a varies (by 1)"
    assert culprit.necessary.what == "nothing patched: net.a is one constant at every place"


def test_a_tensor_that_is_not_loaded_is_proved_by_its_layer():
    """The layer is off with all but it patched, and right with all patched."""
    suspects = [initial(STATE[3], "not loaded"), initial(STATE[5], "not loaded")]
    (culprit,) = ask(LayeredPort(wrong=[STATE[3]]), suspects=suspects).culprits
    assert (type(culprit), culprit.sites, culprit.felt, culprit.confirmed) == (NotLoaded, (STATE[3],), False, True)
    assert (
        culprit.sufficient.what
        == "all parameters and buffers patched: from the reference's inputs net.b is off by 0.0e+00"
    )
    assert culprit.necessary.what == "all but these patched: from the reference's inputs net.b is off by 0.5"


@pytest.mark.parametrize("kind", ["other constant", "no constant"])
def test_another_kind_of_start_that_the_target_does_not_feel_stays_a_finding(kind):
    """Only what a layer's output proves is a culprit."""
    assert ask(LayeredPort(wrong=STATE[:1], constant=STATE[:1]), suspects=[initial(STATE[0], kind)]).culprits == ()


def test_a_layer_that_cannot_be_watched_proves_nothing():
    """A tensor whose module is no site has no output to be proved by."""
    suspects = [initial("elsewhere.weight", kind) for kind in ("constant for random", "not loaded")]
    assert ask(LayeredPort(), suspects=suspects).culprits == ()


def test_both_kinds_are_named_side_by_side():
    """A constant start and a tensor that is not loaded are two culprits."""
    suspects = [initial(STATE[0], "constant for random"), initial(STATE[2], "not loaded")]
    answer = ask(LayeredPort(wrong=[STATE[2]], constant=[STATE[0]]), suspects=suspects)
    assert [type(culprit) for culprit in answer.culprits] == [ConstantStart, NotLoaded]


class Interchangeable(LayeredPort):
    """A port whose loss is right once any layer is the reference's: no part of its weights is necessary."""

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        healed = any({Site(f"{name}.weight"), Site(f"{name}.bias")} <= intervention.patched for name in LAYERS)
        return dataclasses.replace(reading, targets={"loss": 10.0 if healed else 20.0})


def test_a_start_outside_the_spread_that_nothing_explains_is_a_rare_draw():
    """Where any part heals it and every parameter follows the reference's law, nobody is to blame: a note says so."""
    answer = ask(Interchangeable())
    assert (answer.culprits, answer.open_ends) == ((), ())
    assert answer.notes[0].startswith("loss starts at 20, outside 9 to 11 (the spread); yet every parameter starts by")


def test_a_start_that_a_finding_explains_is_no_rare_draw():
    """Where a tensor differs in kind, or lies outside the seeds, the culprit is kept, proved or not."""
    answer = ask(Interchangeable(), suspects=[initial(STATE[0], "no constant")])
    assert [culprit.confirmed for culprit in answer.culprits] == [False]
    other = {"mean": 9.0, "std": 1.0, "min": 8.0, "max": 10.0}
    seed = {"mean": 0.0, "std": 1.0, "min": -1.0, "max": 1.0}
    sides = [described([module("net.a")], [tensor("net.a.weight", **numbers)]) for numbers in (seed, other)]
    seeds = {"seeds": [1], "targets": [{"loss": 1.0}], "state": {"net.a.weight": [{**seed, "mean": 0.1}]}}
    assert ask(Interchangeable(), pair=pair_of(*sides, spread=seeds)).notes == ()


def test_nothing_is_asked_of_the_start_before_the_code_is_right():
    """Code that is open, or wrong after the layers, leaves nothing to compare the start with."""
    loss = WrongLoss(sites=(STEP,))
    for calls in (CallsAnswer(open_ends=("?",)), CallsAnswer(culprits=(loss,))):
        answer = ask(LayeredPort(felt=STATE[:1]), calls=calls)
        assert answer.open_ends == ("whether it starts the same cannot be asked before the code is right",)
    assert ask(LayeredPort(), calls=CallsAnswer(culprits=(dataclasses.replace(loss, felt=False),))).open_ends == ()


def test_a_held_culprit_leaves_the_start_open_unless_a_tensor_differs_in_kind():
    """Held values come of other weights; a tensor that differs in kind is asked about with the culprit held."""
    calls = CallsAnswer(culprits=(WrongCalls(sites=(Site("net.a"),)),))
    assert ask(LayeredPort(), calls=calls).open_ends == (
        "whether it starts the same can be asked once the code is right",
    )
    suspects = [initial(STATE[2], "other constant")]
    port = LayeredPort(felt=[STATE[2]])
    (culprit,) = ask(port, calls=calls, suspects=suspects).culprits
    assert culprit.sites == (STATE[2],)
    assert all("net.a" in intervention.patched for intervention in port.asked[2:])


def test_a_port_that_fails_with_its_own_weights_is_an_open_end():
    """It cannot be told where it starts."""
    calls = CallsAnswer(culprits=(WrongCalls(sites=(Site("net.a"),)),))
    port = LayeredPort(crashes=lambda intervention: intervention.patched == {"net.a"})
    answer = ask(port, calls=calls, suspects=[initial(STATE[2], "other constant")])
    assert answer.open_ends == ("the port fails with its own weights: killed",)


def test_a_tensor_whose_need_could_not_be_asked_is_not_proved():
    """Where the port fails without it, whether it must be right too is open, and there is no necessary proof."""
    port = LayeredPort(felt=STATE[:2], crashes=lambda intervention: intervention.patched == {STATE[0]})
    answer = ask(port)
    (culprit,) = answer.culprits
    assert (culprit.sites, culprit.confirmed, culprit.necessary) == (STATE[:2], False, None)
    assert culprit.sufficient.verdict is Verdict.AGREES
    assert answer.open_ends == ("whether net.a.bias must be right too: the port fails with the others alone",)


def test_a_spread_that_the_reference_s_values_leave_is_an_open_end():
    """Then values are not to blame, and nothing more is asked."""
    answer = ask(LayeredPort(felt=["elsewhere"]))
    assert answer.open_ends == ("with all parameters and buffers the reference's, the target still leaves the spread",)
