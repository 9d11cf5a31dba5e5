"""Small real pairs, made to be nasty: ports that are written otherwise, with faults and without."""

from __future__ import annotations

from pathlib import Path

import in_process
import pytest
from pairs import interfaces, norms, places, residuals, scales, statistics, values
from pairs.pair import Pair

from bisect_tool.axes.calls.passes import MOST_AT_BOTH
from bisect_tool.axes.calls.search import CALLS

PAIRS = [pair for file in (residuals, norms, scales, places, values, interfaces, statistics) for pair in file.PAIRS]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_faulty_code_is_named_and_nobody_else_is(pair: Pair, tmp_path: Path) -> None:
    """Every proof has a fault in it, and every fault is in one; a faithful port is neither blamed nor suspected."""
    capture = in_process.record(pair.build(port=False), tmp_path / "capture")
    port = in_process.beside(capture, pair.build(port=True), pair.rules)
    case = in_process.opened(port, capture)
    found = CALLS.search(case).judged
    assert found is not None
    named = [set(suspect.pieces) for suspect in found.suspects]
    if not pair.faults:
        assert named == []
    assert all(suspect.proved for suspect in found.suspects)
    assert all(any(pieces & fault for fault in pair.faults) for pieces in named)
    assert all(any(pieces & fault for pieces in named) for fault in pair.faults)
    if not pair.enclosing:
        assert all(len(pieces) == 1 for pieces in named)
    assert case.log.count("forced") <= MOST_AT_BOTH
