"""What is the tool's own on disk: marked, put in its place whole and synced, cleared away where a killed run left it.

A folder grows beside its place as ``.NAME.new-XXXX``, locked by the process that writes it. When it is whole, the one before
steps aside as ``.NAME.old``, the new one takes its place, and the old one goes. A process that is killed at any point leaves
either of the two whole; who comes next puts the old one back where there is no new one, and removes the rest.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from bisect_tool.errors import BisectError

MARKER = ".made-by-bisect"
MARKER_TEXT = "`bisect capture` made this folder, and replaces all of it when it records the model again.\n"
LOCKLESS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # of a file system without locks
PARTS = re.compile(rf"manifest\.json|shard-\d{{4}}\.safetensors|{re.escape(MARKER)}")  # of a capture


@contextlib.contextmanager
def whole_or_absent(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder`` that takes its place when the block ends well, and else goes away.

    Raises BisectError when the disk does not take it, or when something is there that bisect did not make: nothing is
    replaced but what carries the marker, and holds nothing else than a capture does.
    """
    try:
        check_replaceable(folder)
        with temporary(folder) as new:
            yield new
            _check_parts(new, "the worker wrote {} into it, and a capture has a manifest and shards alone")
            _sync_all(new)
            check_replaceable(folder)  # something may have been put there meanwhile
            _exchange(new, folder)
    except OSError as error:
        raise BisectError(
            f"cannot write the capture {folder}: {error.strerror or error}; nothing was kept",
            hint="free some space, or choose another place with --captures",
        ) from error


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside ``folder`` that is gone when the block ends, unless it was moved; else the next run removes it.

    What killed runs left there is removed first. Raises OSError when the disk does not take it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    new = _beside(folder)
    with contextlib.ExitStack() as held:
        with _locked(folder.parent):  # nobody takes it for what a killed run left before it is locked
            new.mkdir()
            held.enter_context(_locked(new))
        try:
            (new / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
            yield new
        finally:
            with contextlib.suppress(OSError):
                _remove(new)


def check_replaceable(folder: Path) -> None:
    """Raise BisectError where something stands in the capture's place that bisect did not make, or not alone."""
    if not os.path.lexists(folder):
        return
    hint = "choose another place with --captures, or move it away"
    if folder.is_symlink() or not _is_marked(folder):
        raise BisectError(
            f"{folder} is there already, and bisect did not make it: it would be replaced by the capture", hint=hint
        )
    _check_parts(
        folder, f"{folder} holds {{}}, which bisect did not put there: it would be lost with the old capture", hint
    )


def is_capture(folder: Path) -> bool:
    """Tell whether a folder has something of a capture in it, whatever it has lost."""
    return folder.is_dir() and any(PARTS.fullmatch(name) for name in os.listdir(folder))


def tidy(folder: Path) -> None:
    """Put a folder back that a killed run moved aside, and remove what killed runs left beside its place.

    Nothing goes but what is marked, or empty, and what no living process has locked.
    """
    if not folder.parent.is_dir():
        return
    with contextlib.suppress(OSError), _locked(folder.parent):  # a disk that is not to be written to keeps what it has
        _settle(folder)
        for left in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
            with contextlib.suppress(OSError), _locked(left, wait=False):
                _remove(left)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole, with the old content or with the new, whenever the process or the machine ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.parent / f".{path.name}.new"  # one that a killed run left is overwritten
    with _locked(path.parent):
        try:
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def _check_parts(folder: Path, words: str, hint: str = "") -> None:
    """Raise BisectError where a folder has something else in it than a capture has."""
    strange = sorted(name for name in os.listdir(folder) if not PARTS.fullmatch(name))
    if strange:
        raise BisectError(words.format(", ".join(strange[:4])), hint=hint)


def _exchange(new: Path, folder: Path) -> None:
    """Put a folder in another's place, which goes away only once it is known to be a capture and the new one stands."""
    aside = _aside(folder)
    with _locked(folder.parent):
        _settle(folder)
        if folder.exists():
            os.replace(folder, aside)
            try:
                check_replaceable(aside)  # what was looked at before may have been exchanged meanwhile
                os.replace(new, folder)
            except BaseException:
                os.replace(aside, folder)  # where that fails, it stays aside
                raise
        else:
            os.replace(new, folder)
        _sync(folder.parent)
        _settle(folder)


def _settle(folder: Path) -> None:
    """Bring what stands aside back into its place, or remove it where another one stands there."""
    aside = _aside(folder)
    if not os.path.lexists(aside):
        return
    if not os.path.lexists(folder):
        os.replace(aside, folder)
    elif _is_marked(aside):
        left = _beside(folder)
        os.replace(aside, left)  # what is half removed is nothing to bring back
        _remove(left)


def _remove(folder: Path) -> None:
    """Remove a folder that is marked, or empty: the marker last, so that one that is half removed is known."""
    if _is_marked(folder):
        for entry in os.scandir(folder):
            if entry.name != MARKER:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        (folder / MARKER).unlink()
    folder.rmdir()


def _is_marked(folder: Path) -> bool:
    return not folder.is_symlink() and (folder / MARKER).is_file()


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.new-{secrets.token_hex(4)}"


def _aside(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.old"


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder, which its process loses however it ends.

    Raises OSError where another has it, and where nobody can tell, unless it is waited for.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not wait or error.errno not in LOCKLESS:
                raise
        yield
    finally:
        os.close(handle)


def _sync_all(folder: Path) -> None:
    """Bring a folder to the disk: the data first, then the manifest, then the folder itself."""
    for path in sorted(folder.iterdir(), key=lambda path: not path.name.startswith("shard-")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
