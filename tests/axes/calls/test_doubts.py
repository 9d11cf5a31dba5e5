"""What keeps a culprit from being proved: what could not be given the reference's value, or was only guessed."""

import pytest
from manifests import described, manifest, module, tensor

from bisect_tool.axes.axis import Answer
from bisect_tool.axes.calls.doubts import doubted
from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.culprit import WrongCaller, WrongCalls, WrongLoss
from bisect_tool.pairing.names import Matching
from bisect_tool.pairing.pair import Pair
from bisect_tool.pairing.trace import Trace
from bisect_tool.sites import STEP, Site

MODULES = [module("net"), module("net.a"), module("net.b")]
STATE = [tensor("net.a.weight"), tensor("net.b.weight")]
NAMES = {"net.a.weight": "net.a.weight", "net.b.weight": "net.b.weight"}
CALLS = {"net": None, "net.a": "net", "net.b": "net"}


def doubts(culprit, *, how=None, given=("net.a.weight", "net.b.weight"), sites=tuple(CALLS), batch=("x",)):
    """Return what is doubtful about a culprit, in words."""
    reference = manifest(described(MODULES, STATE, {"x": (2,)}), calls=CALLS)
    port = described(MODULES, STATE, dict.fromkeys(batch, (2,)))
    matching = Matching(state=NAMES, modules={}, how=how or {}, unmatched_reference=(), unmatched_port=())
    pair = Pair(Manifest.model_validate(reference), Described.model_validate(port), matching, {})
    trace = Trace(tuple(map(Site, sites)), CALLS, {}, {}, 2e-5, {})
    answer = doubted(Answer(culprits=(culprit,)), pair, trace, [Site(name) for name in given])
    assert answer.culprits[0].doubts == answer.open_ends
    return list(answer.open_ends)


A, LOSS = WrongCalls(sites=(Site("net.a"),)), WrongLoss(sites=(STEP,))


@pytest.mark.parametrize("culprit", [A, LOSS])
def test_where_all_is_given_nothing_is_doubtful(culprit):
    """All parameters, calls and parts of the batch have a partner: what was found stands."""
    assert doubts(culprit) == []


def test_a_parameter_that_was_not_given_makes_its_own_layer_doubtful():
    """What lies elsewhere is no reason to doubt."""
    assert doubts(A, given=["net.b.weight"]) == [
        "net.a.weight could not be given the reference's value (no partner or another shape in the port)"
    ]
    assert doubts(A, given=["net.a.weight"]) == []


def test_a_container_is_doubtful_by_what_is_inside_it():
    """The parameters of all calls inside it count."""
    assert len(doubts(WrongCaller(sites=(Site("net"),), feeds=(Site("net.b"),)), given=["net.b.weight"])) == 1


def test_no_weight_excuses_another_shape():
    """An output of another shape is wrong whatever the weights are; a guessed name is doubtful all the same."""
    by_shape = WrongCalls(sites=(Site("net.a"),), by_shape=True)
    assert doubts(by_shape, given=["net.b.weight"]) == []
    assert len(doubts(by_shape, how={"net.a.weight": "guess"})) == 1


def test_a_guessed_name_is_said_with_its_partner():
    """Whoever rests on a guess is told the rule that settles it."""
    assert doubts(A, how={"net.a.weight": "guess", "net.b.weight": "guess"}) == [
        "net.a.weight = net.a.weight is matched by shape and order only: say which is which with a rename rule"
    ]


def test_the_loss_is_doubtful_by_all_that_goes_into_it():
    """An outermost call that is no site, a part of the batch, and any parameter: the fault may lie there too."""
    assert doubts(LOSS, sites=("net.a", "net.b")) == [
        "net could not be given the reference's value, so that the fault may lie there too"
    ]
    assert doubts(LOSS, batch=("x", "y")) == ["the port did not get the reference's batch: y is on one side only"]
    assert len(doubts(LOSS, given=["net.b.weight"])) == 1
