"""The axis of initial values, asked as a run asks it: around a simulated port whose layers have weights."""

import dataclasses

import pytest
from manifests import described, module, pair_of, tensor
from simulated_case import BarePort, case_of

from bisect_tool.axes.axis import ask as ask_axis
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.axes.start.search import START
from bisect_tool.checks.initial.laws import LawFinding
from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.culprit import WrongCalls, WrongLoss
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Failed, Reading
from bisect_tool.questions.crash import Crash
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, Site
from bisect_tool.wrong_start import OtherStart, WrongStart

LAYERS = ("net.a", "net.b", "net.c")
STATE = tuple(Site(f"{layer}.{leaf}") for layer in LAYERS for leaf in ("weight", "bias"))
SPREAD = Interval(9.0, 11.0, 10.0, "the spread")


class LayeredPort(BarePort):
    """Three layers whose loss is off until all of ``felt`` are patched; patching ``moves`` moves it where it may be, too."""

    def __init__(self, *, felt=(), moves=(), crashes=lambda _intervention: False):
        super().__init__()
        self.felt, self.moves, self.crashes = set(felt), set(moves), crashes
        self.asked = []

    def run(self, intervention):
        """Run one probe."""
        self.asked.append(intervention)
        if self.crashes(intervention):
            return Reading(failure="killed")
        loss = 20.0 if self.felt - intervention.patched else 10.5 if self.moves & intervention.patched else 10.0
        return Reading({"loss": loss, "other": loss}, calls=tuple((name, ()) for name in LAYERS))


def initial(site, kind):
    return InitialFinding("initialisation", (site,), f"{site}: {kind}", kind)


def case(port, *, suspects=(), calls=CallsAnswer(), start=SPREAD, target="loss", **changes):
    sites = tuple(map(Site, LAYERS))
    trace = Trace(sites, dict.fromkeys(sites), {}, {}, 2e-5, {})
    made = case_of(port, trace=trace, state=STATE, start=start, target=target, answers={"calls": calls})
    sides = [described([module(name) for name in LAYERS], [tensor(name) for name in STATE]) for _ in range(2)]
    return dataclasses.replace(made, **{"initial": tuple(suspects), "pair": pair_of(*sides), **changes})


def ask(port, **options):
    return START.search(case(port, **options))


def test_a_port_that_starts_the_same_has_no_culprit():
    """Its own run was made before: nothing more is asked."""
    port = LayeredPort()
    answer = ask(port)
    assert (answer.culprits, answer.open_ends, answer.notes) == ((), (), ())
    assert len(port.asked) == 2  # as it is, and with the reference's weights: the case itself


def test_where_nobody_can_tell_where_it_starts_nothing_is_asked():
    """With too few seeds, or a target that never moves, the axis is silent; the report's notes say so."""
    answer = ask(LayeredPort(felt=STATE[:1]), start=None)
    assert (answer.culprits, answer.open_ends, answer.notes) == ((), (), ())


def test_without_a_target_each_is_asked_about_and_what_one_blames_is_put_right_for_the_next():
    """So that nobody is blamed twice."""
    port = LayeredPort(felt=STATE[:1])
    (culprit,) = ask(port, target=None, starts={"loss": SPREAD, "other": SPREAD}).culprits
    assert (culprit.sites, culprit.confirmed, culprit.sufficient.quantity) == (STATE[:1], True, "loss")


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
    culprit, rest = START.search(made).culprits
    assert (culprit.sites, rest.sites) == (STATE[1:3], (STATE[0], *STATE[3:]))
    assert [finding.sites[0] for finding in culprit.findings] == list(STATE[1:3])
    for left_out in culprit.sites:
        patched = frozenset(culprit.sites) - {left_out}
        assert port.run(dataclasses.replace(port.asked[0], patched=patched)).targets["loss"] == 20.0


def test_a_suspect_s_layers_before_it_are_not_computed_again():
    """They keep the port's own values in every probe that tries suspects."""
    port = LayeredPort(felt=[STATE[4]])
    ask(port, suspects=[initial(STATE[4], "no constant")])
    assert any(intervention.kept == {"net.a", "net.b"} for intervention in port.asked)


KINDS = ["constant for random", "other constant", "no constant", "not loaded", "fixed"]


@pytest.mark.parametrize("target", ["loss", None])
@pytest.mark.parametrize("start", [SPREAD, None])
@pytest.mark.parametrize("kind", KINDS)
def test_what_starts_otherwise_in_kind_is_proved_whether_a_target_feels_it_or_not(kind, start, target):
    """The reference's own initialisations prove it."""
    suspects = [initial(STATE[0], kind)]
    (culprit,) = ask(LayeredPort(), suspects=suspects, start=start, target=target).culprits
    assert (type(culprit), culprit.sites, culprit.felt, culprit.confirmed) == (OtherStart, STATE[:1], False, True)
    assert culprit.findings[:1] == tuple(suspects)
    assert culprit.shows == ("constant" if kind == "constant for random" else "fixed")
    assert culprit.unfelt == (target is not None and start is not None)


def test_a_probe_says_whether_a_target_feels_what_is_proved():
    """It may start where it may, and feel it all the same."""
    suspects = [initial(STATE[0], "fixed")]
    for moves, said in ((STATE[:1], "at 10.5; it may start from 9 to 11"), ((), "loss does not feel them")):
        (culprit,) = ask(LayeredPort(moves=moves), suspects=suspects).culprits
        assert said in culprit.findings[-1].message


@pytest.mark.parametrize(("proves", "count"), [(True, 1), (False, 0)])
def test_another_law_is_proved_unless_it_differs_in_its_shape_alone(proves, count):
    """A uniform law for a normal one of the same mean and spread does no harm."""
    culprits = ask(LayeredPort(), laws=(LawFinding("law", (STATE[0], STATE[2]), "scale", proves=proves),)).culprits
    assert [(c.sites, c.shows, c.confirmed) for c in culprits] == [((STATE[0], STATE[2]), "law", True)] * count


def test_all_kinds_are_named_side_by_side_each_tensor_once():
    """One culprit a kind, without what the target feels and blames by itself."""
    suspects = [initial(STATE[0], "constant for random"), initial(STATE[2], "not loaded"), initial(STATE[3], "fixed")]
    law = LawFinding("law", (STATE[0], STATE[4]), "scale", proves=True)
    answer = ask(LayeredPort(felt=STATE[2:3]), suspects=suspects, laws=(law,))
    assert [(type(c).__name__, c.sites) for c in answer.culprits] == [
        ("WrongStart", STATE[2:3]),
        ("OtherStart", STATE[3:4]),
        ("OtherStart", STATE[:1]),
        ("OtherStart", STATE[4:5]),
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"how": "guess"}, "matched by order alone"),
        ({"shape": (9,)}, "of another shape"),
        ({"alias_of": "net.b.weight"}, "tied to another one in the port"),
        ({"class_": "Linear"}, "in a module of another class"),
    ],
)
def test_a_partner_that_is_not_sure_proves_nothing(change, why):
    """However the tensor starts: it may be another one."""
    states = [tensor(name) for name in STATE]
    port = [dict(entry) for entry in states]
    port[0].update({key: change[key] for key in ("shape", "alias_of") if key in change})
    ours = described([module(name) for name in LAYERS], states)
    theirs = described([module(name, change.get("class_", "Conv2d")) for name in LAYERS], port)
    pair = pair_of(ours, theirs)
    how = {**pair.matching.how, STATE[0]: change.get("how", "exact")}
    pair = dataclasses.replace(pair, matching=dataclasses.replace(pair.matching, how=how))
    suspects = [initial(STATE[0], "other constant")]
    assert ask(LayeredPort(), suspects=suspects, pair=pair).culprits == (), why


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
    assert answer.notes[0].startswith("loss starts at 20, outside 9 to 11 (the spread); yet no parameter that could")


def test_a_start_that_a_finding_explains_is_no_rare_draw():
    """A tensor that differs in kind is proved by itself; where one lies outside the seeds the culprit is kept."""
    answer = ask(Interchangeable(), suspects=[initial(s, "no constant") for s in STATE[:2]])
    assert [(type(c), c.confirmed) for c in answer.culprits] == [(OtherStart, True)]
    other = {"mean": 9.0, "std": 1.0, "min": 8.0, "max": 10.0}
    seed = {"mean": 0.0, "std": 1.0, "min": -1.0, "max": 1.0}
    sides = [described([module("net.a")], [tensor("net.a.weight", **numbers)]) for numbers in (seed, other)]
    seeds = {"seeds": [1], "targets": [{"loss": 1.0}], "state": {"net.a.weight": [{**seed, "mean": 0.1}]}}
    assert ask(Interchangeable(), pair=pair_of(*sides, spread=seeds)).notes == ()


LATER = "not asked yet: whether loss starts the same, for which the code must be right first"
LOSS = WrongLoss(sites=(STEP,))
UNSETTLED = [CallsAnswer(open_ends=("?",)), CallsAnswer(culprits=(LOSS,))]


@pytest.mark.parametrize("calls", UNSETTLED)
def test_nothing_is_proved_by_a_target_before_the_code_is_right(calls):
    """Code that is open, or wrong after the layers, leaves nothing to compare a target's start with."""
    port = LayeredPort(felt=STATE[:1])
    answer = ask(port, calls=calls)
    assert (answer.culprits, answer.open_ends) == ((), (LATER,))
    assert len(port.asked) == 2  # nothing is known to differ, so nothing is tried
    assert ask(LayeredPort(), calls=CallsAnswer(culprits=(dataclasses.replace(LOSS, felt=False),))).open_ends == ()


@pytest.mark.parametrize("target", ["loss", None])
@pytest.mark.parametrize("calls", UNSETTLED)
def test_what_the_seeds_prove_is_proved_before_the_code_is_right_and_one_probe_shows_the_target(calls, target):
    """The probe has no verdict: what it shows is said, and proves nothing."""
    law = LawFinding("law", STATE[:1], "scale", proves=True)
    made = case(LayeredPort(felt=STATE[:1]), calls=calls, laws=(law,), target=target)
    answer = START.search(made)
    assert [(c.sites, c.shows, c.confirmed, c.unfelt) for c in answer.culprits] == [(STATE[:1], "law", True, False)]
    (said,) = answer.open_ends if target else answer.notes
    assert said == f"{LATER}; with the reference's values of net.a.weight, loss goes from 20 to 10"
    row = made.log.rows[-1]
    assert (row.phase, row.what, row.patched, row.verdict) == ("start", "net.a.weight", 1, None)


def unlike_pair(**how):
    """Return sides of which the first tensor has another mean and spread in the port, and nothing is proved by it."""
    other = {"mean": 9.0, "std": 1.0, "min": 8.0, "max": 10.0}
    seed = {"mean": 0.0, "std": 1.0, "min": -1.0, "max": 1.0}
    modules = [module(name) for name in LAYERS]
    sides = [
        described(modules, [tensor(STATE[0], **numbers), *(tensor(name) for name in STATE[1:])])
        for numbers in (seed, other)
    ]
    seeds = {"seeds": [1], "targets": [{"loss": 1.0}], "state": {STATE[0]: [{**seed, "mean": 0.1}]}}
    pair = pair_of(*sides, spread=seeds)
    return dataclasses.replace(pair, matching=dataclasses.replace(pair.matching, how={**pair.matching.how, **how}))


@pytest.mark.parametrize("calls", [*UNSETTLED, CallsAnswer(culprits=(WrongCalls(sites=(Site("net.a"),)),))])
def test_tensors_that_only_differ_are_tried_where_the_target_starts_outside_the_spread(calls):
    """Nobody is accused of it, and of a target that starts where it may nothing is said."""
    answer = ask(LayeredPort(felt=STATE[:1]), calls=calls, pair=unlike_pair())
    assert (answer.culprits, answer.open_ends) == (
        (),
        (f"{LATER}; with the reference's values of net.a.weight, loss goes from 20 to 10",),
    )
    assert ask(LayeredPort(), calls=calls, pair=unlike_pair()).open_ends == (LATER,)


def test_a_tensor_whose_partner_is_guessed_is_not_tried():
    """It may be another one."""
    pair = unlike_pair(**{STATE[0]: "guess"})
    assert ask(LayeredPort(felt=STATE[:1]), calls=UNSETTLED[0], pair=pair).open_ends == (LATER,)


def test_of_a_port_that_raises_what_the_seeds_prove_is_proved():
    """It gives no target, so there is nothing to say of one; that it raises is said elsewhere."""
    port = LayeredPort(felt=STATE[:1])
    made = case(port, suspects=[initial(STATE[0], "other constant")])
    made.log.crash = Crash(Failed("run", "ValueError", "", None, ""), frozenset(), "ValueError")
    answer = START.search(dataclasses.replace(made, own=Reading(), base=Reading()))
    assert [(c.sites, c.confirmed) for c in answer.culprits] == [(STATE[:1], True)]
    assert (answer.open_ends, answer.notes) == ((), ())


def test_what_the_seeds_prove_outlives_a_search_that_is_stopped():
    """It needs no probe."""
    made = case(LayeredPort(felt=STATE[:1]), suspects=[initial(STATE[0], "other constant")])
    made.log.stop.why = "stopped after 1 s"
    found = ask_axis(START, made).answers["start"]
    assert [(c.sites, c.confirmed) for c in found.culprits] == [(STATE[:1], True)]
    assert found.open_ends == ("stopped after 1 s: what was found by then is said here, and there may be more",)


def test_a_target_that_is_right_while_culprits_are_held_is_not_said_to_feel_nothing():
    """Held calls hide the tensors before them; where the target may start, with code that is wrong, nobody knows."""
    calls = CallsAnswer(culprits=(WrongCalls(sites=(Site("net.c"),)),))
    port = Hiding(felt=STATE[:1])
    law = LawFinding("law", STATE[:1], "scale", proves=True)
    (culprit,) = ask(port, calls=calls, laws=(law,)).culprits
    assert (type(culprit), culprit.sites, culprit.unfelt) == (OtherStart, STATE[:1], False)
    assert culprit.findings[-1].message == "loss starts at 20, and with the reference's values of these at 10"


class Hiding(LayeredPort):
    """A port whose last layer hides all that comes before it."""

    def run(self, intervention):
        """Run one probe."""
        reading = super().run(intervention)
        hidden = Site("net.c") in intervention.patched
        return dataclasses.replace(reading, targets={"loss": 10.0}) if hidden else reading


def test_a_held_culprit_leaves_the_start_open_unless_a_tensor_differs_in_kind():
    """Held values come of other weights; a tensor that differs in kind is asked about with the culprit held."""
    calls = CallsAnswer(culprits=(WrongCalls(sites=(Site("net.a"),)),))
    assert ask(LayeredPort(), calls=calls).open_ends == (LATER,)
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
    assert answer.open_ends == ("with the reference's weights, the target still leaves the spread",)
