"""Which calls and tensors of a port can be given the reference's values."""

from __future__ import annotations

from typing import Any

import pytest
from manifests import described, module, pair_of, site, tensor

from bisect_tool.pairing.trace import state_of, trace_of

COMPLEX = tensor("m.weight", (3, 4), dtype="complex64")


def names(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what is paired of two tensors of one name, in modules of other classes, and what can be given."""
    pair = pair_of(described([module("m")], [ours]), described([module("m", "Theirs", library=False)], [theirs]))
    return list(pair.matching.state), list(state_of(pair))


@pytest.mark.parametrize("shape", [(3, 4, 2), (2, 3, 4), (3, 2, 4)])
def test_a_complex_tensor_may_be_pairs_of_real_ones(shape: tuple[int, ...]) -> None:
    """On either side; what a shape alone says."""
    real = tensor("m.weight", shape)
    for ours, theirs in ((COMPLEX, real), (real, COMPLEX)):
        assert names(ours, theirs) == (["m.weight"], ["m.weight"])


def test_a_complex_vector_may_be_a_matrix_of_pairs() -> None:
    """That is no contradiction of their names."""
    real, whole = tensor("m.weight", (3, 2)), tensor("m.weight", (3,), dtype="complex64")
    for ours, theirs in ((whole, real), (real, whole)):
        assert names(ours, theirs) == (["m.weight"], ["m.weight"])


@pytest.mark.parametrize("shape", [(3, 8), (6, 4), (3, 4, 3), (24,)])
def test_another_shape_cannot_be_given(shape: tuple[int, ...]) -> None:
    """Nothing says in which order the parts stand there."""
    assert names(COMPLEX, tensor("m.weight", shape))[1] == []


def test_a_framework_without_complex_numbers_is_given_them_in_a_forced_pass_alone() -> None:
    """There they may be pairs of real ones; put at a call as they are, they are none that it has."""
    fields = {
        "sites": [site("m", {"tensor": "t"})],
        "calls": {"m": None},
        "tensors": {"t": {"file": "shard-0000.safetensors", "shape": [2], "dtype": "complex64", "hash": "0"}},
    }
    for framework, sites in (("torch", ("m",)), ("jittor", ())):
        port = described([module("m")], framework=framework)
        trace = trace_of(
            pair_of(described([module("m")]), port, made={"m": [("", (2,))]}, **fields), lambda _site: True
        )
        assert (trace.sites, trace.given) == (sites, ("m",))
