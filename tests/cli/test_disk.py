"""A disk that is full, a file that may not grow, a folder that is a file: one line, and nothing half written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.desk import Desk, changed

WIDE = ("nn.Linear(4, 8)", "nn.Linear(4, 40000)"), ("nn.Linear(8, 2)", "nn.Linear(40000, 2)")
SPACE = "next: free some space, or choose another place with --captures"


def limited(kilobytes: int) -> list[str]:
    """Return what to put before a command so that no file it writes may grow beyond a size."""
    return ["bash", "-c", f'ulimit -f {kilobytes}; exec "$@"', "bash"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KB; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_while_recording_is_said(desk: Desk, small_disk: Path) -> None:
    """The capture is absent, and the disk is as empty as before."""
    desk.write(reference=changed(*WIDE))
    error = desk.capture("--captures", str(small_disk)).error(2)
    assert "No space left on device" in error
    assert SPACE in error
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kilobytes", [16, 1])
def test_a_file_that_may_not_grow_is_said(desk: Desk, kilobytes: int) -> None:
    """Whether the shard or the manifest does not fit: nothing is kept."""
    desk.write(reference=changed(*WIDE) if kilobytes == 16 else changed())
    error = desk.capture(before=limited(kilobytes)).error(2)
    assert "File too large" in error
    assert SPACE in error
    assert desk.leftovers() == []


def test_a_probe_that_cannot_be_kept_is_said(recorded: Desk) -> None:
    """The run ends with the file's name; the same command goes on once there is space."""
    error = recorded.run(before=limited(0)).error(2)
    assert "cannot keep the probe in" in error
    assert "next: free some space and run the same command to go on" in error
    assert recorded.run().code == 0


def test_a_report_that_cannot_be_saved_is_said(recorded: Desk) -> None:
    """A file where the reports' folder should be is named, and the probes are kept."""
    (recorded.captures / "reports").write_text("")
    assert "cannot save the report" in recorded.run().error(2)
    (recorded.captures / "reports").unlink()
    assert "13 of 13" in (done := recorded.run()).err or "probes were kept from earlier runs" in done.err
    assert done.code == 0


def test_a_captures_folder_that_is_a_file_is_said(desk: Desk) -> None:
    """The message names the folder."""
    (desk.folder / "captures").write_text("")
    assert "cannot write the capture captures/small/ref" in desk.capture().error(2)
    assert "captures/small/ref" in desk.run().error(2)


def test_a_full_stdout_is_an_error_and_a_closed_one_is_not_shown(recorded: Desk) -> None:
    """An answer that cannot be written is said in one line; a reader that has gone away needs no words."""
    full = recorded.run("--json", before=["bash", "-c", '"$@" > /dev/full', "bash"])
    assert "No space left on device" in full.error(2)
    closed = recorded.run("--json", before=["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash"])
    assert closed.code in (0, 2)
    assert "Traceback" not in closed.err
    assert "Exception ignored" not in closed.err
