"""The library: a port opened from a script or a test, asked, and ended with the block."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from conftest import TINY

import bisect_tool
from bisect_tool import BisectError, Capture, bisect, load_report, open_port, save_report


def processes_of(port: object) -> bool:
    """Tell whether a port's worker still runs."""
    return port._link.worker._process.poll() is None  # type: ignore[attr-defined]


def test_five_lines_find_a_fault(tiny_captures: Path, tmp_path: Path) -> None:
    """A report is an object: its verdict, sentence and culprits are read off it, and it survives the disk."""
    capture = Capture.open(str(tiny_captures / "tiny" / "ref"))
    with open_port(TINY, capture, options={"fault": "residual"}, probes=tmp_path) as port:
        report = bisect(port, capture, target="reg_loss")
        assert processes_of(port)
    assert not processes_of(port)
    assert (report.verdict, report.exit_code) == ("diverges", 1)
    assert report.culprits[0].sites == ("net.second", "net.second#2")
    save_report(report, tmp_path / "report.json")
    assert load_report(tmp_path / "report.json") == report


def test_a_block_that_raises_ends_the_worker(tiny_captures: Path, tmp_path: Path) -> None:
    """Nothing that was started outlives the block."""
    capture = Capture.open(tiny_captures / "tiny" / "ref")
    with pytest.raises(RuntimeError, match="mine"), open_port(TINY, capture, probes=tmp_path) as port:
        raise RuntimeError("mine")
    assert not processes_of(port)


def test_a_port_that_was_closed_starts_no_other_worker(tiny_captures: Path, tmp_path: Path) -> None:
    """Nobody would end it."""
    capture = Capture.open(tiny_captures / "tiny" / "ref")
    with open_port(TINY, capture, probes=tmp_path) as port:
        pass
    with pytest.raises(BisectError, match="the port was closed"):
        bisect(port, capture, target="reg_loss")
    assert not processes_of(port)


def test_a_capture_of_another_recipe_is_refused(tiny_captures: Path) -> None:
    """Before anything is started."""
    capture = Capture.open(tiny_captures / "tiny" / "ref")
    with pytest.raises(BisectError, match="is of model 'ref' of recipe 'tiny', not of"), open_port("yolo11n", capture):
        raise AssertionError("it was opened")


def test_a_port_is_asked_beside_its_own_capture_alone(tiny_captures: Path, tmp_path: Path) -> None:
    """The values that it puts anywhere are of that one: beside another's a fault would agree, and a right port diverge."""
    capture = Capture.open(tiny_captures / "tiny" / "ref")
    other = dataclasses.replace(capture, key="another")
    with (
        open_port(TINY, capture, probes=tmp_path) as port,
        pytest.raises(BisectError, match="the port was opened beside another capture than "),
    ):
        bisect(port, other)


def nested(depth: int) -> list[object]:
    """Return a list in a list in a list."""
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value", [{1, 2}, Path(), b"x", {(1, 2): 3}, {1: 2, "a": 3}, "\ud800", nested(300), nested(5000)]
)
def test_options_that_are_no_json_are_refused(tiny_captures: Path, value: object) -> None:
    """Before anything is started, and not when the report is written."""
    capture = Capture.open(tiny_captures / "tiny" / "ref")
    with (
        pytest.raises(BisectError, match="the options of build cannot be written as JSON: "),
        open_port(TINY, capture, options={"fault": value}),
    ):
        raise AssertionError("it was opened")


def test_a_relative_place_is_a_capture_too(tiny_captures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port's process runs in another folder: what it is told of the capture does not depend on this one."""
    monkeypatch.chdir(tiny_captures)
    assert Capture.open("tiny/ref").folder == (tiny_captures / "tiny" / "ref").resolve()


def test_what_is_exported_is_there() -> None:
    """Each name of the library exists, and they are sorted."""
    assert sorted(bisect_tool.__all__) == bisect_tool.__all__
    assert all(hasattr(bisect_tool, name) for name in bisect_tool.__all__)
