"""Tests that tell two samples' laws apart hold the level that they are given."""

import numpy as np
import pytest

from bisect_tool.checks.initial.distributions import Sample, distance, mean_z, spread_z


@pytest.mark.parametrize("size", [4, 32, 400])
def test_the_tests_hold_their_level(size):
    """Standard normal deviates of the F and t tests are beyond 1.96 and 3.3 as rarely as they say, or more rarely."""
    random = np.random.default_rng(1)
    ours, theirs = random.normal(size=(4000, size)), random.normal(size=(4000, 9 * size))

    def sample(row):
        return Sample(row.size, row.size, row.mean(), row.std(), row.min(), row.max(), None)

    rows = [(sample(a), sample(b)) for a, b in zip(ours, theirs, strict=True)]
    for zs in ([spread_z(a, b, 3.0) for a, b in rows], [mean_z(a, b) for a, b in rows]):
        assert np.mean(np.abs(zs) > 1.96) < 0.062
        assert np.mean(np.abs(zs) > 3.29) < 0.003


def test_the_distance_is_kolmogorovs():
    """The distance of a shifted uniform law is its shift; one law's draws are as near as Massart's bound says."""
    steps = tuple((k + 1) / 18 for k in range(17))
    whole = Sample(10**6, 10**6, 0.5, 0.2887, 0.0, 1.0, steps)
    assert distance(whole, whole) == pytest.approx(0, abs=1e-12)
    shifted = Sample(10**6, 10**6, 0.6, 0.2887, 0.1, 1.1, tuple(q + 0.1 for q in steps))
    assert distance(shifted, whole) == pytest.approx(0.1, abs=0.05)
    assert distance(Sample(5, 5, 9.0, 1.0, 9.0, 9.0, (9.0,) * 17), whole) == pytest.approx(17 / 18)
    assert distance(Sample(5, 5, -9.0, 1.0, -9.0, -9.0, (-9.0,) * 17), whole) == pytest.approx(17 / 18)
