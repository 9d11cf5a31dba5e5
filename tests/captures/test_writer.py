"""A capture is whole or absent."""

import errno
import json
import os
from pathlib import Path

import pytest

from bisect_tool.captures.manifest import checksum
from bisect_tool.captures.writer import MARKER, seal_manifest, whole_or_absent
from bisect_tool.errors import BisectError

FAILURES = [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(1), OSError(errno.ENOSPC, "No space left on device")]


def write(folder: Path, text: str, failure: BaseException | None = None) -> None:
    """Write a file into a capture and then fail, if asked to."""
    with whole_or_absent(folder) as temporary:
        (temporary / "manifest.json").write_text(text)
        (temporary / "inside").mkdir()
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
        "tiny/ref/inside",
        "tiny/ref/manifest.json",
    ]


def test_the_folder_is_absent_until_the_end(tmp_path):
    """While the block runs nobody can open a half capture."""
    with whole_or_absent(tmp_path / "ref") as temporary:
        assert not (tmp_path / "ref").exists()
        assert temporary.parent == tmp_path


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
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/inside", "ref/manifest.json"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "old"


def test_an_older_capture_is_replaced(tmp_path):
    """A new capture takes the whole place of the old one."""
    write(tmp_path / "ref", "old")
    (tmp_path / "ref" / "left-over").touch()
    write(tmp_path / "ref", "new")
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/inside", "ref/manifest.json"]
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
    with pytest.raises(BisectError), whole_or_absent(tmp_path / "ref") as temporary:
        temporary.rmdir()
    assert everything(tmp_path) == ["ref", f"ref/{MARKER}", "ref/inside", "ref/manifest.json"]
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


def test_what_the_parent_knows_is_added(tmp_path):
    """Fields join those that the worker wrote, and the manifest stays JSON."""
    (tmp_path / "manifest.json").write_text('{"format": 1, "recipe": "?"}')
    seal_manifest(tmp_path, recipe="tiny", model="ref")
    data = json.loads((tmp_path / "manifest.json").read_text())
    assert data.pop("checksum") == checksum(data)
    assert data == {"format": 1, "recipe": "tiny", "model": "ref"}


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
    assert everything(tmp_path) == ["ref", "ref/inside", "ref/manifest.json"]
    assert (tmp_path / "ref" / "manifest.json").read_text() == "old"


def test_an_older_capture_that_cannot_be_put_back_stays_aside(tmp_path, monkeypatch):
    """Something else took its place while it was away: neither is removed."""
    write(tmp_path / "ref", "old")
    replace = os.replace

    def taken(source, target):
        replace(source, target)
        monkeypatch.setattr(os, "replace", replace)
        write(tmp_path / "ref", "another's")

    monkeypatch.setattr(os, "replace", taken)
    with pytest.raises(BisectError):
        write(tmp_path / "ref", "new")
    found = {path.read_text() for path in tmp_path.rglob("manifest.json")}
    assert found == {"old", "another's"}
