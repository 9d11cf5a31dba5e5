"""The axis of calls against simulated ports: what it accuses, and that it accuses nothing else."""

from __future__ import annotations

import dataclasses
import hashlib

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from simulated_port import MODELS, STEP, SimulatedPort, faulty_ports, search

from bisect_tool.questions.proof import agrees

COMMON = settings(deadline=None, max_examples=80)


def named(answer):
    """Return the pieces of each who is suspected."""
    return [set(suspect.pieces) for suspect in answer.judged.suspects]


def diverges(port):
    return not port.question().interval.holds(port.run(port.question().base).targets["loss"])


@COMMON
@given(faulty_ports())
def test_a_single_fault_is_named_exactly(port):
    """One fault anywhere gives one culprit, proved and felt; a wrong input is the surrounding code's fault."""
    (fault,) = port.faults
    assume(diverges(port))
    assume(fault.kind == "own" or port.blamed(fault) != STEP)  # test_search_cases.py has that one
    answer = search(port)
    (culprit,) = answer.culprits
    assert culprit.sites == (port.blamed(fault),)
    assert answer.open_ends == ()
    assert culprit.confirmed
    assert culprit.felt


@COMMON
@given(st.integers(1, 3).flatmap(lambda count: faulty_ports(count=count)))
def test_nobody_is_accused_falsely(port):
    """Everybody who is accused has a fault, alone or among others, however many there are and whichever hides which."""
    assert named(search(port))
    guilty = {port.blamed(fault) for fault in port.faults}
    assert all(pieces & guilty for pieces in named(search(port)))


@COMMON
@given(faulty_ports(count=2))
def test_a_pair_of_faults_is_named(port):
    """Both are named, by themselves or together with others."""
    found = named(search(port))
    assert all(any(port.blamed(fault) in pieces for pieces in found) for fault in port.faults)


@COMMON
@given(faulty_ports(count=2))
def test_holding_the_culprits_heals_the_port(port):
    """Where the target diverges, it agrees once what was found is put right."""
    assume(diverges(port))
    assume(all(fault.kind == "own" or port.blamed(fault) != STEP for fault in port.faults))
    answer = search(port)
    assert answer.open_ends == ()
    assert all(agrees(culprit.sufficient) for culprit in answer.culprits if culprit.felt)


@COMMON
@given(MODELS)
def test_a_faithful_port_has_no_culprit(tops):
    """A port that is off by honest rounding alone gives no culprit, and takes one pass."""
    port = SimulatedPort(tops)
    case = port.case()
    answer = search(port)
    assert (answer.culprits, answer.open_ends, answer.notes) == ((), (), ())
    assert case.log.count("forced") <= 1


@COMMON
@given(MODELS, st.floats(0.01, 1.0))
def test_a_fault_after_the_last_call_is_blamed_on_step(tops, size):
    """A target that diverges with every call in place is the fault of the code after them, which nothing can hold."""
    (culprit,) = search(SimulatedPort(tops, loss_fault=size)).culprits
    assert (culprit.sites, culprit.held, culprit.confirmed) == ((STEP,), (), True)


@COMMON
@given(faulty_ports(count=2), st.integers(0, 2**32), st.sampled_from([1.5, 3.0]))
def test_probes_that_fail_accuse_nobody_falsely(port, seed, rarity):
    """Whichever probes fail, nobody without a fault is accused; what could not be settled is said."""
    assume(diverges(port))
    base = port.question().base

    def crashes(intervention):
        digest = hashlib.blake2b(f"{seed} {intervention.key}".encode(), digest_size=4).digest()
        return intervention != base and int.from_bytes(digest, "big") * rarity < 2**32

    answer = search(dataclasses.replace(port, crashes=crashes))
    guilty = {port.blamed(fault) for fault in port.faults}
    assert answer.open_ends or answer.culprits
    assert answer.judged is None or all(pieces & guilty for pieces in named(answer))
