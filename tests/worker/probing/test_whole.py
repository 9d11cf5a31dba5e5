"""A whole backward pass: what severed, pulled, straight and thawed make of the gradients of the parameters."""

from __future__ import annotations

from typing import Any

import pytest
from small_model import SITES, Small, record_small

from bisect_tool.worker.failures import RecipeError
from bisect_tool.worker.probing import whole
from bisect_tool.worker.probing.corrections import corrections
from bisect_tool.worker.probing.names import Name


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def off(small: Small, fault: str, **passing: Any) -> set[str]:
    """Return the parameters whose gradients are not the reference's, with its values at every call."""
    reading = whole.read(small.probe(*small.manifest["state"], seed=1, fault=fault), straight=SITES, **passing)
    rows = reading["gradients"]
    return {name for name, row in rows.items() if row["apart"] > 1e-6 * (row["reference"] or 1.0)}


BEFORE = {"net.before.weight", "net.before.bias"}
INNER = {"net.block.inner.weight", "net.block.inner.bias"}


def test_the_reference_itself_has_its_own_gradients(small: Small) -> None:
    """All of them, with values that are replaced by themselves."""
    assert off(small, "") == set()


@pytest.mark.parametrize("fault", ["twice", "detach"])
def test_a_severed_call_passes_the_references_gradients_on(small: Small, fault: str) -> None:
    """What comes before the call at fault and lies in it is off; once it is severed nothing is."""
    assert off(small, fault) == BEFORE | INNER
    assert off(small, fault, severed=("net.block",)) == set()
    assert off(small, fault, severed=("net.before", "net.out")) == INNER
    assert off(small, fault, severed=("net.block", "net.block.inner")) == set()  # what it is given counts once


@pytest.mark.parametrize("fault", ["twice", "detach"])
def test_a_corrected_call_shows_what_is_off_before_it(small: Small, fault: str) -> None:
    """Its own fault is made up for; what another call gets wrong before it still shows behind it, if it passes anything on."""

    def corrected(*owners: str) -> dict[Name, Any]:
        probe = small.probe(*small.manifest["state"], seed=1, fault=fault, watch=SITES)
        return corrections(probe, owners)

    assert off(small, fault, corrections=corrected("net.block")) == set()
    assert off(small, fault, corrections=corrected("net.before", "net.out")) == BEFORE | INNER
    assert off(small, fault, corrections=corrected("step", *SITES)) == set()


def test_a_pulled_call_hides_what_comes_after_it(small: Small) -> None:
    """It gets the reference's gradient at its output, and is off by itself alone."""
    assert off(small, "twice", pulled=("net.before",)) == INNER
    assert off(small, "twice", pulled=("net.before", "net.block.inner")) == set()


def test_a_severed_call_has_its_gradients_back(small: Small) -> None:
    """Code that switches gradients off around a call is severed: the call pulls back all the same."""
    assert off(small, "off") == INNER | BEFORE
    assert off(small, "off", severed=("net.block",)) == set()


def test_a_frozen_parameter_is_thawed_for_the_run(small: Small) -> None:
    """It has the reference's gradient then, and none without."""
    probe = small.probe(fault="frozen")
    assert "net.out.bias" not in whole.read(probe)["gradients"]
    probe = small.probe(fault="frozen")
    row = whole.read(probe, thawed=("net.out.bias",))["gradients"]["net.out.bias"]
    assert row["apart"] < 1e-6
    assert not probe.model.state["net.out.bias"][0].requires_grad


def test_targets_that_are_numbers_are_refused(small: Small) -> None:
    """In words that name them."""
    probe = small.probe()
    step = probe.model.step
    probe.model.step = lambda batch: {name: value.item() for name, value in step(batch).items()}
    with pytest.raises(RecipeError, match="step returns plain numbers for loss"):
        whole.read(probe)


def test_the_gradient_of_a_parameter_that_is_held_apart_goes_to_the_first(small: Small) -> None:
    """It has its own and the other's: off by as much as that is."""
    plain = whole.read(small.probe())["gradients"]
    tied = whole.read(small.probe(), tied={"net.block.inner.bias": "net.before.bias"})["gradients"]
    assert tied["net.before.bias"]["apart"] == pytest.approx(plain["net.block.inner.bias"]["rms"])
    assert tied["net.block.inner.bias"] == plain["net.block.inner.bias"]
