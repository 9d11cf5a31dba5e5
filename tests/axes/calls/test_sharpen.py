"""Wrong regions are cut where the reference's values are handed over all the same, and nobody is drawn into one by that."""

from __future__ import annotations

from pathlib import Path

import in_process
from pairs import residuals
from pairs.pair import Pair

from bisect_tool.axes.calls.search import CALLS


def pieces(name: str, folder: Path) -> list[tuple[str, ...]]:
    """Return who is suspected in a pair."""
    pair: Pair = next(pair for pair in residuals.PAIRS if pair.name == name)
    capture = in_process.record(pair.build(port=False), folder / "capture")
    port = in_process.beside(capture, pair.build(port=True), pair.rules)
    judged = CALLS.search(in_process.opened(port, capture)).judged
    assert judged is not None
    assert all(suspect.proved for suspect in judged.suspects)
    return [suspect.pieces for suspect in judged.suspects]


def test_what_is_written_otherwise_is_no_part_of_wrong_code_before_it(tmp_path: Path) -> None:
    """It hands a layer another thing with all in place, and is right with that layer left to it."""
    assert pieces("residual_moved_own_before_a_detour", tmp_path) == [("net", "net.block")]
