"""The values search against a simulated port whose weights are right or wrong."""

import hashlib
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from bisect_tool.axes.start.felt import search_start
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import Interval
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import Site, parent_of

COMMON = settings(deadline=None, max_examples=100)
TREES = st.recursive(st.just(()), lambda inner: st.lists(inner, min_size=1, max_size=4).map(tuple), max_leaves=25)
STATES = TREES.filter(bool).map(lambda tree: [Site(name) for name in _names(tree, "model")])


class StartPort:
    """A port whose loss is off as long as not all of one of the sets ``healing`` are patched."""

    def __init__(self, *healing, crashes=lambda _intervention: False):
        self.healing = [frozenset(sites) for sites in healing]
        self.crashes = crashes

    def can_patch(self, site):
        """Any tensor can be patched."""
        return True

    def run(self, intervention):
        """Run one probe."""
        if self.crashes(intervention):
            return Reading(failure="killed")
        healed = any(sites <= intervention.patched for sites in self.healing)
        return Reading({"loss": 10.0 if healed else 20.0}, calls=(("model", ()),))


def _names(tree, name):
    if not tree:
        return [name]
    return [found for index, child in enumerate(tree) for found in _names(child, f"{name}.{index}")]


def question(port):
    return Question("start", port, ProbeLog(), "loss", Interval(9.0, 11.0, 10.0, "the spread"), Intervention())


def search(question, state, suspects, **options):
    """Return the answer; each tensor's module is called once, in the order of the state."""
    modules = tuple(dict.fromkeys(Site(parent_of(name)) for name in state))
    trace = Trace(modules, dict.fromkeys(modules), {}, {}, {}, 2e-5)
    return search_start(question, state, suspects, trace, **options)


def subsets(state):
    return st.sets(st.sampled_from(state), min_size=1)


@COMMON
@given(STATES, st.data())
def test_the_wrong_tensors_are_named_exactly(state, data):
    """Tensors that must be right together are found whole, and nothing else, with both proofs."""
    wrong = data.draw(subsets(state))
    answer = search(question(StartPort(wrong)), state, ())
    (culprit,) = answer.culprits
    assert culprit.sites == tuple(site for site in state if site in wrong)
    assert culprit.confirmed
    assert answer.open_ends == ()


@COMMON
@given(STATES, st.data())
def test_one_wrong_tensor_is_found_in_few_probes(state, data):
    """A single tensor takes a number of probes that grows with the depth of the tree, not with its size."""
    wrong = data.draw(st.sampled_from(state))
    asked = question(StartPort({wrong}))
    search(asked, state, ())
    assert asked.log.count("start") <= 1 + 2 * (wrong.count(".") + 1) * math.ceil(math.log2(4)) + 2


@COMMON
@given(STATES, st.data())
def test_right_suspects_are_tried_first(state, data):
    """Suspects that heal the target are believed after one probe and cut down to what is needed, with their findings."""
    wrong = data.draw(subsets(state))
    more = wrong | data.draw(st.sets(st.sampled_from(state)))
    findings = [Finding("initialisation", (str(site),), f"{site} is zero") for site in state if site in more]
    asked = question(StartPort(wrong))
    (culprit,) = search(asked, state, findings).culprits
    assert set(culprit.sites) == wrong
    assert {finding.sites[0] for finding in culprit.findings} == wrong
    assert all(row.patched <= len(more) for row in asked.log.rows if row.phase == "start" and row.patched < len(state))


@COMMON
@given(STATES, st.data())
def test_wrong_suspects_mislead_nobody(state, data):
    """Suspects that do not heal the target are not accused."""
    wrong = data.draw(subsets(state))
    suspect = data.draw(st.sampled_from(state))
    answer = search(question(StartPort(wrong)), state, [Finding("initialisation", (suspect,), "odd")])
    assert set(answer.culprits[0].sites) == wrong


@COMMON
@given(STATES, st.data())
def test_unlike_tensors_come_after_the_suspects(state, data):
    """Tensors with odd statistics are cut down like suspects where they heal the target, and mislead nobody else."""
    wrong = data.draw(subsets(state))
    unlike = data.draw(st.lists(st.sampled_from([*state, "elsewhere"]), unique=True))
    suspect = data.draw(st.sampled_from(state))
    answer = search(question(StartPort(wrong)), state, [Finding("odd", (suspect,), "odd")], unlike=unlike)
    assert set(answer.culprits[0].sites) == wrong
    assert answer.culprits[0].confirmed


@COMMON
@given(STATES, st.data(), st.integers(0, 2**32))
def test_probes_that_fail_confirm_nobody_falsely(state, data, seed):
    """Whichever probes fail, a culprit with a tensor too many is not confirmed, and an open end says so."""
    wrong = data.draw(subsets(state))

    def crashes(intervention):
        return hashlib.blake2b(f"{seed} {intervention.key}".encode()).digest()[0] % 3 == 0

    answer = search(question(StartPort(wrong, crashes=crashes)), state, ())
    for culprit in answer.culprits:
        assert wrong <= set(culprit.sites)
        assert not culprit.confirmed or set(culprit.sites) == wrong
    assert answer.open_ends or answer.culprits[0].confirmed


def test_a_failure_with_everything_right_is_an_open_end():
    """A port that fails with all of the reference's values is said to fail, not to diverge."""
    answer = search(question(StartPort({"a"}, crashes=lambda i: len(i.patched) == 2)), [Site("a"), Site("b")], ())
    assert answer.culprits == ()
    assert "fails" in answer.open_ends[0]


def test_a_spread_left_with_the_reference_s_values_is_an_open_end():
    """When all the reference's values do not help, values are not to blame."""
    answer = search(question(StartPort({"elsewhere"})), [Site("a"), Site("b")], ())
    assert answer.culprits == ()
    assert "still leaves the spread" in answer.open_ends[0]


def test_tensors_that_can_stand_in_for_each_other_are_not_confirmed():
    """When everything but the culprit heals the target too, the culprit is not necessary, and not confirmed."""
    answer = search(question(StartPort({"a"}, {"b"})), [Site("a"), Site("b")], ())
    (culprit,) = answer.culprits
    assert culprit.necessary.verdict is Verdict.AGREES
    assert not culprit.confirmed
