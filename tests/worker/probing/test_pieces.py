"""A run that falls into pieces: each is handed over once, begins and ends where it should, and is compared by itself."""

from __future__ import annotations

import numpy as np
import pytest
from small_model import SITES, Small, record_small

from bisect_tool.worker.probing.compared import compare
from bisect_tool.worker.probing.names import STEP
from bisect_tool.worker.probing.pieces import Piece, Pieces, pull_back

OWN = ["net.out.weight", "net.out.bias"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def cut(small: Small, fault: str = "", **how: object) -> dict[str, Piece]:
    """Run in pieces and return them by whose code they are."""
    found: list[Piece] = []
    Pieces(small.probe(fault=fault, **how), found.append).read()
    return {piece.owner + ("!" if piece.exact else ""): piece for piece in found}


def names(ends: list) -> list:
    return [name for name, _ in ends]


def test_each_watched_call_is_a_piece_and_step_is_the_last(small: Small) -> None:
    """A piece ends at its output and at what it hands the calls inside; it begins at what it is given and they give."""
    pieces = cut(small, watch=SITES)
    assert list(pieces) == [*SITES, STEP]
    block = pieces["net.block"]
    assert names(block.roots) == [
        ("net.block.inner", "inputs", "0.0"), ("net.block.act", "inputs", "0.0"), ("net.block", "output", "")
    ]  # fmt: skip
    assert names(block.leaves) == [
        ("net.block", "inputs", "0.0"), ("net.block.inner", "output", ""), ("net.block.act", "output", "")
    ]  # fmt: skip
    assert names(pieces["net.out"].leaves) == [("net.out", "inputs", "0.0"), *[("net.out", "state", n) for n in OWN]]
    assert names(pieces[STEP].roots) == [("net", "inputs", "0.0"), None]


def test_the_code_of_step_has_the_parameters_of_what_is_not_cut_out(small: Small) -> None:
    """Of a layer that is not watched the code around it uses the parameters."""
    pieces = cut(small, watch=["net.before"])
    state = [name for _, part, name in names(pieces[STEP].leaves) if part == "state"]
    assert state == ["net.block.inner.weight", "net.block.inner.bias", *OWN]


def test_a_piece_in_float64_follows_its_own(small: Small) -> None:
    """Its leaves are float64, and the calls inside it are no pieces of it."""
    pieces = cut(small, watch=SITES, exact=["net.block", "net.out"])
    assert [owner for owner in pieces if owner.endswith("!")] == ["net.block!", "net.out!"]
    assert names(pieces["net.block!"].leaves) == names(pieces["net.block"].leaves)
    assert {tensor.dtype.itemsize for _, tensor in pieces["net.out!"].leaves} == {8}


def test_where_a_piece_begins_it_holds_what_it_is_given(small: Small) -> None:
    """The reference's values, or others; of each the key is known."""
    (_, plain) = cut(small, watch=SITES)["net.out"].leaves[0]
    found: list[Piece] = []
    probe = small.probe(watch=SITES)
    Pieces(probe, found.append, values=lambda key, tensor: 2 * probe.reference.fitting(key, tensor)).read()
    (_, doubled) = next(piece for piece in found if piece.owner == "net.out").leaves[0]
    np.testing.assert_array_equal(doubled.detach().numpy(), 2 * plain.detach().numpy())


def test_a_call_that_is_made_without_gradients_is_told(small: Small) -> None:
    """Once, by its name, and its own piece is pulled back all the same."""
    off: list[str] = []
    found: list[Piece] = []
    Pieces(small.probe(watch=SITES, fault="off"), found.append, switched_off=off.append).read()
    assert off == ["net.block.inner"]
    assert [piece.owner for piece in found] == [*SITES, STEP]


def test_a_piece_is_pulled_back_from_what_is_known_where_it_ends(small: Small) -> None:
    """From nothing comes nothing, and each result is settled under its name."""
    probe = small.probe(watch=SITES)
    settled: dict = {}
    pull_back(
        probe.adapter, cut(small, watch=SITES)["net.out"], lambda _name: None, lambda n, a, _e: settled.update({n: a})
    )
    assert settled == dict.fromkeys([("net.out", "inputs", "0.0"), *[("net.out", "state", n) for n in OWN]])


@pytest.mark.parametrize(("fault", "sites"), [("", set()), ("detach", {"net.block"}), ("twice", {"net.block"})])
def test_only_the_piece_at_fault_is_off(small: Small, fault: str, sites: set[str]) -> None:
    """An error in one piece reaches no other, whatever comes before and after it."""
    reading = compare(small.probe(*small.manifest["state"], seed=1, fault=fault, watch=SITES))
    off = {row["site"] for row in reading["pieces"] if row["gradient"]["apart"] > 1e-6}
    # What a container makes of the gradient of a call inside it is the gradient of that call's output.
    assert {"net.block" if site == "net.block.act" else site for site in off} == sites
    assert len(reading["pieces"]) == 4 + 6 + 6  # inputs, outputs, parameters; none of the batch's own numbers


def test_gradients_that_are_switched_off_are_said_of_the_call(small: Small) -> None:
    """In words, since nothing is pulled back of it."""
    rows = compare(small.probe(watch=SITES, fault="off"))["pieces"]
    said = [row for row in rows if row["part"] == "call"]
    assert [(row["site"], row["gradient"]) for row in said] == [
        ("net.block.inner", {"mismatch": "called with gradients switched off"})
    ]


def test_a_piece_in_float64_has_the_gradients_of_its_parameters(small: Small) -> None:
    """Without them, all of a parameter's gradient was taken for what rounding made of it."""
    pieces = small.manifest["gradients"]["sites"]
    floors = {name: floor for piece in pieces.values() for name, (key, floor) in piece["state"].items() if key}
    assert floors.keys() == small.manifest["state"].keys()
    assert max(floors.values()) < 1e-5
