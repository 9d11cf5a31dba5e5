"""Random nests of modules and ports of them that are written otherwise, with faults and without."""

from __future__ import annotations

import pytest
from random_nets.drawn import drawn
from random_nets.outcome import BAD, outcome_of

EXCUSED = pytest.mark.xfail(
    strict=True, reason="what is off by more than rounding and less than UNCHECKED excuses before float64 was asked"
)
TWO_READINGS = pytest.mark.xfail(
    strict=True, reason="a moved factor beside a fault in a caller further out is proved alone"
)
OPEN = [*(pytest.param(seed, marks=EXCUSED) for seed in (546, 1261)), pytest.param(223, marks=TWO_READINGS)]
SEEDS = [*range(40), *OPEN]


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_innocent_is_proved_and_a_faithful_port_is_silent(seed: int) -> None:
    """Whatever moved, every proof has a fault in it, and what the target feels is found or said to be open."""
    outcome = outcome_of(drawn(seed))
    assert outcome.kind not in BAD
    assert outcome.kind != "missed" or not outcome.felt
    assert outcome.passes <= outcome.bound
