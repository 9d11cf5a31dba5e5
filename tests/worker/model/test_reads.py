"""Which files a model is built from."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest

from bisect_tool.worker.model import reads


class Holder:
    """A class of the user's that keeps ``open`` under a name of its own."""

    opener: object = None


def test_what_the_users_code_reads_of_its_environment_is_part_of_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever way; what a library reads, or all of it at once is no sign that anything depends on it."""
    monkeypatch.setenv("SCALE", "1")
    monkeypatch.setenv("SHELL_LEVEL", "1")

    def digest() -> str:
        noted = reads.Reads(["."])
        with noted.noted():
            assert os.environ.get("SCALE") == os.getenv("SCALE", "")
            os.environ.get("ABSENT")
            shutil.get_terminal_size()  # reads COLUMNS
        return noted.digest()

    first = digest()
    for name in ("SHELL_LEVEL", "COLUMNS"):
        monkeypatch.setenv(name, "7")
        assert digest() == first
    for name in ("SCALE", "ABSENT"):
        monkeypatch.setenv(name, "7")
        assert digest() != first
        monkeypatch.undo()
        monkeypatch.setenv("SCALE", "1")


def test_a_file_that_is_read_anywhere_is_part_of_the_digest(tmp_path: Path) -> None:
    """By what stands in it: a port's numbers may lie in it."""

    def digest(text: str) -> str:
        (tmp_path / "scale.txt").write_text(text)
        noted = reads.Reads([str(tmp_path / "recipe")])
        with noted.noted():
            assert (tmp_path / "scale.txt").read_text() == text
        return noted.digest()

    assert digest("1.0") == digest("1.0") != digest("3.0")


def test_what_is_opened_for_reading_inside_is_noted(tmp_path: Path) -> None:
    """By ``open`` or a path, anywhere beneath the folders; not what is written, lies elsewhere, or is opened later."""
    inner, outer = tmp_path / "recipe", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        for name in ("a.yaml", "b.json", "later.txt"):
            (folder / name).write_text("words\nmore\n")
    before = open
    noted = reads.Reads([str(inner)])
    with noted.noted():
        Holder.opener = open
        with Holder().opener(inner / "a.yaml") as file:  # type: ignore[operator]
            file.read()
        (inner / "b.json").read_bytes()
        (inner / "written.txt").write_text("x")
        (outer / "a.yaml").read_text()
    assert open is before
    assert io.open is before
    (inner / "later.txt").read_text()
    found = {name for name in noted.described() if not name.startswith("..")}
    assert found == {"a.yaml", "b.json"}
    assert noted.described()["a.yaml"]["lines"] == reads.described(str(outer / "a.yaml"))["lines"]  # type: ignore[index]


def test_opening_fails_as_it_does(tmp_path: Path) -> None:
    """What ``open`` raises it still raises, and is put back."""
    before = open
    with pytest.raises(FileNotFoundError), reads.Reads([str(tmp_path)]).noted():
        (tmp_path / "nothing").read_text()
    assert open is before


def test_of_a_large_file_pieces_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size, its beginning, its middle and its end."""
    monkeypatch.setattr(reads, "LARGE_FILE", 10)
    path = tmp_path / "weights"
    path.write_bytes(bytes(100))
    first = reads.described(str(path))
    for place, differs in ((0, True), (55, True), (99, True), (30, False)):
        path.write_bytes(bytes(place) + b"x" + bytes(99 - place))
        assert (reads.described(str(path)) != first) == differs
    assert reads.described(str(tmp_path)) is None
