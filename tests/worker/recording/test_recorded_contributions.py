"""What each call contributes to gradients, and by how much honest rounding moves it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from small_model import SITES, WIRE, Small, model_of, record_small

from bisect_tool.worker.arrays.measure import ROUNDING
from bisect_tool.worker.recording import contributions, noise


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def test_every_result_moves_by_about_the_rounding(small: Small) -> None:
    """By no more than a few times what values and gradients are off, and by something; the same draw gives the same."""
    reference = small.reference()
    moved = [contributions.disturb(model_of(small.folder), reference, WIRE, SITES, draw) for draw in (1, 1, 2)]
    assert moved[0] == moved[1] != moved[2]
    assert len(moved[0]) == 16  # none of the batch's own numbers
    for name, size in moved[0].items():
        scale = float(np.abs(reference.gradient(name)).max())
        assert 0 < size < 20 * ROUNDING * scale, name


def test_floors_are_those_of_the_worst_run(small: Small) -> None:
    """Of float32 against float64 and of the disturbed ones the largest is recorded."""
    reference = small.reference()
    moved = [contributions.disturb(model_of(small.folder), reference, WIRE, SITES, draw) for draw in (1, 2)]
    for (site, part, path), size in moved[0].items():
        floor = small.manifest["gradients"]["sites"][site][part][path][1]
        assert floor >= max(size, moved[1][site, part, path])


def test_equal_values_stay_equal_when_they_are_off() -> None:
    """Which of two equal values a maximum takes is no rounding."""
    array = np.array([1.0, 2.0, 1.0, -3.5, 2.0], np.float32)
    off = contributions.equally_off(array)
    assert off.dtype == np.float32
    assert (off[0], off[1]) == (off[2], off[4])
    assert np.all(off != array)
    np.testing.assert_allclose(off, array, rtol=2 * ROUNDING)


def test_draws_share_no_seed() -> None:
    """However many calls a model makes."""
    draws = [set(itertools.islice(noise.seeds(draw), 100_000)) for draw in range(4)]
    assert len(set.union(*draws)) == 400_000


def test_a_scalar_that_is_off_stays_a_scalar() -> None:
    """Code may take it for a number."""
    assert contributions.equally_off(np.array(8.0, np.float32)).shape == ()
