"""A capture is whole or absent."""

import errno
import itertools
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from bisect_tool.captures.owned import MARKER, check_replaceable, temporary, tidy, whole_or_absent, write_whole
from bisect_tool.errors import BisectError
from bisect_tool.worker.arrays.files import save

FAILURES = [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(1), OSError(errno.ENOSPC, "No space left on device")]


def write(folder: Path, text: str, failure: BaseException | None = None) -> None:
    """Write a file into a capture and then fail, if asked to."""
    with whole_or_absent(folder) as new:
        (new / "manifest.json").write_text(text)
        (new / "shard-0000.safetensors").write_text(text)
        if failure is not None:
            raise failure


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_a_block_that_ends_well_leaves_the_folder(tmp_path):
    """The folder appears with all that was written, its parents are made, and nothing else stays."""
    write(tmp_path / "tiny" / "ref", "new")
    assert everything(tmp_path) == [
        "tiny",
        "tiny/ref",
        f"tiny/ref/{MARKER}",
        "tiny/ref/manifest.json",
        "tiny/ref/shard-0000.safetensors",
    ]


def test_the_folder_is_absent_until_the_end(tmp_path):
    """While the block runs nobody can open a half capture."""
    with whole_or_absent(tmp_path / "ref") as new:
        assert not (tmp_path / "ref").exists()
        assert new.parent == tmp_path


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
def test_a_block_that_fails_leaves_nothing(tmp_path, failure):
    """Whatever ends the block early, neither the folder nor a temporary one stays behind."""
    with pytest.raises((type(failure), BisectError)):
        write(tmp_path / "ref", "half", failure)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
def test_an_older_capture_survives_a_failure(tmp_path, failure):
    """A failed capture leaves the one before it as it was."""
    write(tmp_path / "ref", "old")
    with pytest.raises((type(failure), BisectError)):
        write(tmp_path / "ref", "half", failure)
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/manifest.json", "ref/shard-0000.safetensors"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "old"


def test_an_older_capture_is_replaced(tmp_path):
    """A new capture takes the whole place of the old one."""
    write(tmp_path / "ref", "old")
    (tmp_path / "ref" / "shard-0001.safetensors").touch()
    write(tmp_path / "ref", "new")
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/manifest.json", "ref/shard-0000.safetensors"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "new"


def a_folder(place: Path) -> None:
    place.mkdir()
    (place / "train.py").write_text("mine")


def a_link(place: Path) -> None:
    a_folder(place.parent / "elsewhere")
    place.symlink_to(place.parent / "elsewhere")


def a_broken_link(place: Path) -> None:
    place.symlink_to(place.parent / "nowhere")


def a_file(place: Path) -> None:
    place.write_text("mine")


def an_empty_folder(place: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize("made", [a_folder, a_link, a_broken_link, a_file, an_empty_folder])
def test_what_bisect_did_not_make_is_never_replaced(tmp_path, made):
    """Whatever stands in the capture's place without the marker stays as it is, and nothing is recorded."""
    made(tmp_path / "ref")
    before = everything(tmp_path)
    with (
        pytest.raises(BisectError, match=r"ref is there already, and bisect did not make it") as caught,
        whole_or_absent(tmp_path / "ref"),
    ):
        raise AssertionError("recording was begun")
    assert "--captures" in caught.value.hint
    assert everything(tmp_path) == before


def test_what_appears_while_recording_is_not_replaced(tmp_path):
    """A folder that somebody puts there while the model runs is not the tool's either."""
    with pytest.raises(BisectError, match="bisect did not make it"), whole_or_absent(tmp_path / "ref"):
        a_folder(tmp_path / "ref")
    assert everything(tmp_path) == ["ref", "ref/train.py"]


def test_an_older_capture_survives_a_failure_at_the_very_end(tmp_path):
    """When the new folder cannot be put in its place the old one comes back."""
    write(tmp_path / "ref", "old")
    with pytest.raises(BisectError), whole_or_absent(tmp_path / "ref") as new:
        shutil.rmtree(new)
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/manifest.json", "ref/shard-0000.safetensors"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "old"


def test_a_full_disk_is_said_with_what_to_do(tmp_path):
    """ENOSPC becomes a message that names the capture, the reason and the way out."""
    with pytest.raises(BisectError, match=r"cannot write the capture .*ref: No space left on device") as caught:
        write(tmp_path / "ref", "half", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "free some space" in caught.value.hint


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    """A file where the captures folder should be is an error in words."""
    (tmp_path / "captures").touch()
    with pytest.raises(BisectError, match=r"cannot write the capture .*captures"):
        write(tmp_path / "captures" / "ref", "new")


def test_other_errors_of_the_block_keep_their_kind(tmp_path):
    """An error that has nothing to do with the disk is passed on as it is."""
    with pytest.raises(BisectError, match=r"^the model is wrong$"), whole_or_absent(tmp_path / "ref"):
        raise BisectError("the model is wrong")


def test_what_is_exchanged_at_the_last_moment_is_not_lost(tmp_path, monkeypatch):
    """A folder of the user's that comes between the last look and the move is put back."""
    write(tmp_path / "ref", "old")
    replace = os.replace

    def exchanged(source, target):
        monkeypatch.setattr(os, "replace", replace)
        (tmp_path / "ref" / MARKER).unlink()
        replace(source, target)

    monkeypatch.setattr(os, "replace", exchanged)
    with pytest.raises(BisectError, match="bisect did not make it"):
        write(tmp_path / "ref", "new")
    assert everything(tmp_path) == ["ref", "ref/manifest.json", "ref/shard-0000.safetensors"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "old"


def test_an_older_capture_that_cannot_be_put_back_stays_aside(tmp_path, monkeypatch):
    """Something else took its place while it was away: neither is removed."""
    write(tmp_path / "ref", "old")
    replace = os.replace

    def taken(source, target):
        replace(source, target)
        monkeypatch.setattr(os, "replace", replace)
        (tmp_path / "ref").mkdir()
        (tmp_path / "ref" / "manifest.json").write_text("another's")

    monkeypatch.setattr(os, "replace", taken)
    with pytest.raises(BisectError):
        write(tmp_path / "ref", "new")
    found = {path.read_text() for path in tmp_path.rglob("manifest.json")}
    assert found == {"old", "another's"}


def test_what_the_user_put_into_a_capture_is_not_lost(tmp_path):
    """A marked folder that holds something else than a capture does is not replaced, before any model is started."""
    write(tmp_path / "ref", "old")
    (tmp_path / "ref" / "train.py").write_text("mine")
    with pytest.raises(BisectError, match=r"ref holds train\.py, which bisect did not put there"):
        check_replaceable(tmp_path / "ref")
    with pytest.raises(BisectError, match=r"ref holds train\.py"):
        write(tmp_path / "ref", "new")
    assert (tmp_path / "ref" / "train.py").read_text() == "mine"


def test_a_worker_writes_a_capture_and_nothing_else(tmp_path):
    """A file of its own would be taken for the user's when the capture is replaced."""
    with (
        pytest.raises(BisectError, match=r"the worker wrote log\.txt into it"),
        whole_or_absent(tmp_path / "ref") as new,
    ):
        (new / "log.txt").touch()
    assert everything(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask(tmp_path, umask):
    """Of the folder, of what is in it, and of files that are written whole: whoever may read others' files reads these."""
    before = os.umask(umask)
    try:
        with whole_or_absent(tmp_path / "ref") as new:
            save({"t": np.zeros(3)}, new / "shard-0000.safetensors")
        write_whole(tmp_path / "report.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "ref").stat().st_mode & 0o777 == 0o777 & ~umask
    for file in (*(tmp_path / "ref").iterdir(), tmp_path / "report.json"):
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask


def test_data_is_synced_before_the_manifest_and_that_before_the_folder(tmp_path, monkeypatch):
    """What a machine that loses power has on its disk is the old capture or the new one."""
    synced = []
    fsync, replace = os.fsync, os.replace

    def noted(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name.partition(".new-")[0])
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda *pair: (synced.append("moved"), replace(*pair)))
    write(tmp_path / "ref", "new")
    assert synced[0] == "shard-0000.safetensors"
    assert set(synced[1:3]) == {"manifest.json", MARKER}
    assert synced[3:] == [".ref", "moved", tmp_path.name]


STEPS = ("mkdir", "open", "fsync", "replace", "rename", "unlink", "rmdir")


def killed_at(step: int, work) -> bool:
    """Run something in a process that is killed before its n-th change of the disk; tell whether it came that far."""
    child = os.fork()
    if child == 0:
        left = [step]

        def counted(function):
            def call(*args, **kwargs):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("before", ["old", None])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_one_whole(tmp_path, before):
    """And the next run finds it, and removes what is left over; whatever is not the tool's stays."""
    step, seen = 0, set()
    while True:
        home = tmp_path / str(step)
        home.mkdir()
        (home / ".ref.new-mine").mkdir()
        (home / ".ref.new-mine" / "train.py").write_text("mine")
        if before:
            write(home / "ref", before)
        killed = killed_at(step, lambda home=home: write(home / "ref", "new"))
        tidy(home / "ref")
        names = sorted(path.name for path in home.iterdir())
        assert names in ([".ref.new-mine", "ref"], [".ref.new-mine"])
        found = (home / "ref" / "manifest.json").read_text() if "ref" in names else None
        if found is not None:
            assert (home / "ref" / "shard-0000.safetensors").read_text() == found
            assert sorted(path.name for path in (home / "ref").iterdir()) == [
                MARKER,
                "manifest.json",
                "shard-0000.safetensors",
            ]
        seen.add(found)
        write(home / "ref", "next")
        assert (home / "ref" / "manifest.json").read_text() == "next"
        if not killed:
            break
        step += 1
    assert found == "new"
    assert seen == {before, "new"}
    assert step > 10


def test_a_kill_at_any_step_leaves_the_old_or_the_new_file_whole(tmp_path):
    """A report, too."""
    for step in itertools.count():
        home = tmp_path / str(step)
        home.mkdir()
        write_whole(home / "report.json", b"old")
        killed = killed_at(step, lambda home=home: write_whole(home / "report.json", b"new" * 9999))
        assert (home / "report.json").read_bytes() in (b"old", b"new" * 9999)
        write_whole(home / "report.json", b"next")
        assert everything(home) == ["report.json"]
        if not killed:
            break
    assert step > 2


def test_what_a_living_run_writes_is_left_alone(tmp_path):
    """Two captures of one model at the same time: neither removes the other's."""
    with whole_or_absent(tmp_path / "ref") as first:
        (first / "manifest.json").write_text("first")
        with temporary(tmp_path / "ref") as second:
            tidy(tmp_path / "ref")
            assert first.is_dir()
            assert second.is_dir()
    assert (tmp_path / "ref" / "manifest.json").read_text() == "first"
    assert len(everything(tmp_path)) == 3


def test_a_folder_that_cannot_be_written_to_is_only_read(tmp_path, monkeypatch):
    """What a killed run left on a disk that is mounted read-only does not keep a capture from being opened."""
    write(tmp_path / "ref", "old")
    (tmp_path / ".ref.new-1").mkdir()

    def refused(*_args, **_more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rmdir", refused)
    tidy(tmp_path / "ref")
    tidy(tmp_path / "nowhere" / "ref")
    assert (tmp_path / "ref").is_dir()
