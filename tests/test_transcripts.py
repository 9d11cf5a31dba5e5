"""Whole runs, with the complete report that each must print beside the tests (``--update-transcripts`` writes them)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY, run_bisect

Check = Callable[[str, str], None]


@pytest.mark.parametrize(
    ("fault", "target", "code"),
    [("none", "cls_loss", 0), ("residual", "reg_loss", 1), ("bias", "reg_loss", 1), ("loss", "reg_loss", 1)],
)
def test_a_tiny_port_gets_the_expected_report(
    fault: str, target: str, code: int, tiny_captures: Path, check_transcript: Check
) -> None:
    """Each kind of answer prints the report that lies beside the tests."""
    done = run_bisect(
        "run", "--recipe", str(TINY), "--captures", str(tiny_captures), "--target", target, "--option", f"fault={fault}"
    )
    assert done.returncode == code, done.stderr
    check_transcript(f"tiny_{fault}", done.stdout)


def test_a_lost_gradient_gets_the_expected_report(tiny_captures: Path, check_transcript: Check) -> None:
    """A detach that no value shows."""
    done = run_bisect("run", "--recipe", str(TINY), "--captures", str(tiny_captures), "--option", "fault=detach")
    assert done.returncode == 1, done.stderr
    check_transcript("tiny_detach", done.stdout)


@pytest.mark.jittor
def test_the_founding_case_gets_the_expected_report(
    yolo11n_captures: Path, tmp_path: Path, check_transcript: Check
) -> None:
    """The class bias that never landed is named, with its two proofs, from capture to report."""
    home = tmp_path / "yolo11n"  # other tests' probes would be kept ones here, and of those no kernels are counted
    home.mkdir()
    (home / "ref").symlink_to((yolo11n_captures / "yolo11n" / "ref").resolve())
    done = run_bisect(
        "run", "--recipe", "yolo11n", "--captures", str(tmp_path), "--target", "cls_loss",
        "--option", "fault=class_bias_lost",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    check_transcript("yolo11n_class_bias_lost", done.stdout)


def test_a_saved_report_is_drawn_as_the_run_drew_it(tiny_captures: Path) -> None:
    """`bisect report` prints what `bisect run` printed."""
    arguments = ("--recipe", str(TINY), "--captures", str(tiny_captures), "--target", "reg_loss")
    ran = run_bisect("run", *arguments, "--option", "fault=eps")
    drawn = run_bisect("report", ran.stderr.rstrip().rpartition("saved as ")[2].replace("\n", ""))
    assert (drawn.returncode, drawn.stdout) == (ran.returncode, ran.stdout)
