"""The code search against a simulated port: what it accuses, and that it accuses nothing else."""

import dataclasses
import hashlib
import math

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from simulated_case import case_of
from simulated_port import MODELS, STEP, Fault, SimulatedPort, chain, faulty_ports

from bisect_tool.axes.calls.search import CALLS, search_code
from bisect_tool.culprit import WrongCaller, held_by
from bisect_tool.search.verdict import Verdict

COMMON = settings(deadline=None, max_examples=80)


def search(port):
    """Return the answer about a port, and how many cuts it took."""
    question = port.question()
    answer = search_code(question, port.trace(), port.loss_interval())
    return answer, question.log.count("search")


def accused(answer):
    return {site for culprit in answer.culprits for site in culprit.sites}


def limit(port):
    """Return how many cuts one culprit may take."""
    return math.ceil(math.log2(max(len(port.trace().sites), 2))) + 3


def shadows(port, first, second):
    """Tell whether holding what heals one fault hides another for good: its patch stands in for what the other spoils."""
    parents, sites = port.trace().parents, port.trace().sites
    inside, around = [], parents[second.site]
    while around is not None:
        inside.append(around)
        around = parents[around]
    if first.site in inside or (first.kind, second.kind, first.site) == ("feed", "own", second.site):
        return True
    if first.kind == "own":
        return False
    blamed = port.blamed(first)  # its own code cannot be patched, so whatever of it lies before the patch is hidden
    return (blamed in inside or blamed == STEP) and sites.index(second.site) <= sites.index(first.site)


@COMMON
@given(faulty_ports())
def test_a_single_fault_is_named_exactly(port):
    """One fault anywhere gives one culprit, proved by both probes, and a wrong input is the surrounding code's fault."""
    assume(port.diverges())
    answer, asked = search(port)
    assert [culprit.sites for culprit in answer.culprits] == [(port.blamed(port.faults[0]),)]
    assert answer.open_ends == ()
    assert answer.culprits[0].confirmed
    assert isinstance(answer.culprits[0], WrongCaller) == (port.faults[0].kind == "feed")
    assert asked <= limit(port) * len(held_by(answer.culprits))


@COMMON
@given(faulty_ports(count=2))
def test_a_pair_of_faults_is_named_exactly(port):
    """Two faults are both named, unless holding one stands in for all that the other spoils."""
    first, second = port.faults
    assume(not shadows(port, first, second))
    assume(not shadows(port, second, first))
    answer, asked = search(port)
    assert accused(answer) == {port.blamed(first), port.blamed(second)}
    assert answer.open_ends == ()
    assert all(culprit.confirmed != bool(culprit.doubts) for culprit in answer.culprits)
    assert asked <= limit(port) * len(held_by(answer.culprits))


@COMMON
@given(st.integers(1, 6).flatmap(lambda count: faulty_ports(count=min(count, 3))))
def test_nobody_is_accused_falsely(port):
    """Every call that is accused has a fault, however many there are and whichever hides which."""
    assume(port.diverges())
    answer, asked = search(port)
    assert accused(answer)
    assert accused(answer) <= {port.blamed(fault) for fault in port.faults}
    assert asked <= limit(port) * len(held_by(answer.culprits))


@COMMON
@given(faulty_ports(count=2))
def test_holding_the_culprits_heals_the_port(port):
    """With all culprits held and nothing else patched the target agrees."""
    answer, _ = search(port)
    assert port.question().test("confirm", "held", held_by(answer.culprits)) is Verdict.AGREES


@COMMON
@given(MODELS)
def test_a_faithful_port_has_no_culprit(tops):
    """A port that is off by honest rounding alone gives no culprit and takes no cut."""
    port = SimulatedPort(tops)
    code = port.question().interval
    case = case_of(port, trace=port.trace(), code=code, loss=port.loss_interval())
    answer = CALLS.search(case)
    assert (answer.culprits, answer.open_ends, case.log.count("search")) == ((), (), 0)


@COMMON
@given(faulty_ports(count=2), st.integers(0, 2**32), st.sampled_from([1.5, 3.0]))
def test_probes_that_fail_accuse_nobody_falsely(port, seed, rarity):
    """Whichever probes fail, nobody without a fault is accused; what could not be settled is said."""
    assume(port.diverges())
    base = port.question().base

    def crashes(intervention):
        digest = hashlib.blake2b(f"{seed} {intervention.key}".encode(), digest_size=4).digest()
        return intervention != base and int.from_bytes(digest, "big") * rarity < 2**32

    answer, _ = search(dataclasses.replace(port, crashes=crashes))
    assert accused(answer) <= {port.blamed(fault) for fault in port.faults}
    assert answer.open_ends or accused(answer)
    assert all(culprit.confirmed or culprit.doubts for culprit in answer.culprits) or answer.open_ends


@COMMON
@given(MODELS, st.floats(0.01, 1.0))
def test_a_fault_after_the_last_call_is_blamed_on_step(tops, size):
    """A target that diverges with every call patched is the fault of the code after them, which nothing can hold."""
    answer, asked = search(SimulatedPort(tops, loss_fault=size))
    assert accused(answer) == {STEP}
    assert held_by(answer.culprits) == ()
    assert answer.culprits[0].confirmed
    assert asked == 0


def test_a_crash_at_every_cut_is_an_open_end():
    """Where all probes between the ends fail the sites in question are named, and who is wrong by itself all the same."""
    port = SimulatedPort(chain("Conv", "Norm", "Act"), (Fault("own", "m1", 0.5),))
    everything = frozenset(port.trace().sites)
    port.crashes = lambda intervention: 0 < len(intervention.patched) < len(everything)
    answer, _ = search(port)
    assert [(c.sites, c.felt, c.confirmed) for c in answer.culprits] == [(("m1",), False, True)]
    assert "m0" in answer.open_ends[0]
    assert "m2" in answer.open_ends[0]
