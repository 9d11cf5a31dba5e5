"""Random nests of modules and ports of them that are written otherwise, with faults and without."""

from __future__ import annotations

import pytest
from random_nets.drawn import drawn
from random_nets.outcome import BAD, outcome_of


@pytest.mark.parametrize("seed", range(40))
def test_nobody_innocent_is_proved_and_a_faithful_port_is_silent(seed: int) -> None:
    """Whatever moved, every proof has a fault in it, and what the target feels is found or said to be open."""
    outcome = outcome_of(drawn(seed))
    assert outcome.kind not in BAD
    assert outcome.kind != "missed" or not outcome.felt
    assert outcome.passes <= outcome.bound
