"""Runs without a backward pass: what each part of an intervention does at a call."""

from __future__ import annotations

import numpy as np
import pytest
from small_model import SITES, Small, record_small

from bisect_tool.worker.probing import assigned, forward
from bisect_tool.worker.probing.intervention import Intervention


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def state(small: Small) -> list[str]:
    return list(small.manifest["state"])


def test_nothing_patched_gives_the_models_own_targets(small: Small) -> None:
    """The reference's own model gives its own targets, another start gives others."""
    assert forward.read(small.probe())["targets"] == small.manifest["targets"]
    assert forward.read(small.probe(seed=1))["targets"] != small.manifest["targets"]


def test_the_references_state_gives_its_targets_and_receipts(small: Small) -> None:
    """Every parameter that a module reads leaves a receipt with the hash of what was recorded; the model is restored."""
    probe = small.probe(*state(small), seed=1)
    reading = forward.read(probe)
    assert reading["targets"] == small.manifest["targets"]
    assert reading["standing"] == {}
    hashes = {name: small.manifest["tensors"][key]["hash"] for name, key in small.manifest["state"].items()}
    assert reading["receipts"] == hashes
    assert (
        forward.read(small.probe(seed=1))["targets"]
        == probe.model.read_targets(probe.model.run_step(probe.model.fresh_batch()))[0]
    )


def test_a_patched_call_is_skipped_with_all_inside_it(small: Small) -> None:
    """Nothing inside is computed, and the parameters that nobody read stand with a receipt all the same."""
    reading = forward.read(small.probe("net.block", "net.block.inner.bias"))
    assert [site for site, _ in reading["calls"]] == ["net.before", "net.out", "net"]
    assert set(reading["receipts"]) == {"net.block"}
    assert set(reading["standing"]) == {"net.block.inner.bias"}


def test_a_watched_call_is_computed_compared_and_replaced(small: Small) -> None:
    """With perfect inputs only the code at fault is off, and what comes after is the reference's."""
    reading = forward.read(small.probe(*SITES, watch=SITES, fault="twice"))
    off = {site for site, found in reading["watched"].items() if any(row["error"] > 1e-3 for row in found["output"])}
    assert off == {"net.block"}
    assert not any(row["error"] for found in reading["watched"].values() for row in found["inputs"])
    assert reading["targets"] == small.manifest["targets"]


def test_a_fed_call_is_computed_from_the_references_inputs(small: Small) -> None:
    """Whatever came before, its output is the reference's."""
    watch = ["net.out"]
    own = forward.read(small.probe(fault="twice", watch=watch))["watched"]["net.out"]
    fed = forward.read(small.probe(fault="twice", watch=watch, feed=watch))["watched"]["net.out"]
    assert own["output"][0]["error"] > 1e-3
    assert fed["output"][0]["error"] == 0


def test_float64_changes_no_bit_and_looks_at_nothing(small: Small) -> None:
    """A call is computed once more, with the same names inside, and the run's own counts and targets stay."""
    plain = forward.read(small.probe(watch=SITES))
    exact = small.probe(watch=SITES, exact=SITES, variables=True)
    seen: list[str] = []
    reading = forward.read(exact, lambda site, *_: seen.append(site))
    assert reading["targets"] == plain["targets"]
    assert reading["calls"] == plain["calls"]
    assert exact.counts == dict.fromkeys(SITES, 1)
    assert seen.count("net.block:hidden") == 1
    rows = [row for found in reading["watched"].values() for row in found["exact"]]
    assert len(rows) == len(SITES)
    assert all(row["error"] < 1e-6 for row in rows)


def test_a_remembered_call_is_recalled_for_nothing(small: Small) -> None:
    """What a run kept, the next gives without computing, and no bit changes."""
    probe = small.probe(seed=1, remember=["net.block"])
    plain = forward.read(probe)
    assert probe.memory["net.block"][1] == {"net.block.inner": 1, "net.block.act": 1}
    later = small.probe(seed=1)
    later.memory.update(probe.memory)
    later.asked = Intervention((), keep=["net.block"])
    reading = forward.read(later)
    assert reading["targets"] == plain["targets"]
    assert [site for site, _ in reading["calls"]] == ["net.before", "net.out", "net"]


def test_what_is_echoed_is_the_same_and_what_is_disturbed_is_not(small: Small) -> None:
    """A copy changes no bit; noise of a size does."""
    plain = forward.read(small.probe())["targets"]
    assert forward.read(small.probe(echo=True))["targets"] == plain
    disturbed = forward.read(small.probe(disturb={"net.block": 1e-2}))["targets"]
    assert 0 < abs(disturbed["loss"] - plain["loss"]) < 0.1 * plain["loss"]


def test_values_are_handed_over_as_the_port_had_them(small: Small) -> None:
    """Inputs and output of a call that is replaced afterwards, and a variable."""
    probe = small.probe("net.out", watch=["net.out"], hand=["net.out", "step:square"], variables=True, fault="twice")
    forward.read(probe)
    (_, given), (_, output) = probe.handed["net.out"]["inputs"] + probe.handed["net.out"]["output"]
    layer = probe.model.roots["net"].out
    np.testing.assert_allclose(output, given @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), rtol=1e-5)
    assert [array.shape for _, array in probe.handed["step:square"]["output"]] == [(5, 2)]


def test_a_variable_is_compared_and_replaced(small: Small) -> None:
    """The reference's value stands where the port computed another, and leaves a receipt."""
    names = ["step:out", "step:square"]
    reading = forward.read(small.probe("step:out", watch=names, variables=True, fault="twice"))
    assert reading["watched"]["step:out"]["output"][0]["error"] > 1e-3
    assert reading["watched"]["step:square"]["output"][0]["error"] == 0
    assert len(reading["receipts"]["step:out"]) == 1


def test_variables_are_looked_at_only_where_they_are_sites(small: Small) -> None:
    """A run in which they are none watches no line."""
    assert assigned.watching(small.probe()) is None
    assert assigned.watching(small.probe(variables=True)) is not None


def test_what_is_neither_site_nor_parameter_is_refused(small: Small) -> None:
    """By name, before anything runs; so is a call to keep that nobody remembered."""
    with pytest.raises(ValueError, match=r"no such site in the port: net\.nowhere"):
        small.probe("net.nowhere", "net.out")
    with pytest.raises(ValueError, match=r"no such site in the port: net\.out"):
        small.probe(keep=["net.out"])
