"""Files that are read: plain ones, and no larger than they may be. Both is known before one is opened."""

from __future__ import annotations

import errno
import os
import stat

MIB = 1 << 20
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check(path: str | os.PathLike[str], most: int | None = None, links: bool = False) -> int:
    """Return the size of a plain file in bytes, without opening it.

    ``links``: one that a link leads to will do. Raises OSError, with the reason in ``strerror``, for anything else (a FIFO would
    block whoever opens it, a device may have no end) and for more than ``most`` bytes.
    """
    found = os.stat(path) if links else os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_kind, words in KINDS if is_kind(found.st_mode)), "no file")
        raise OSError(errno.EINVAL, "it is %s, expected a plain file" % kind, os.fspath(path))
    if most is not None and found.st_size > most:
        raise OSError(errno.EFBIG, "it is larger than %d MiB" % (most // MIB), os.fspath(path))
    return found.st_size


def content(path: str | os.PathLike[str], most: int, links: bool = False) -> bytes:
    """Return the bytes of a plain file of at most ``most`` bytes; raises as ``check`` does."""
    check(path, most, links)
    with open(path, "rb") as file:
        found = file.read(most + 1)
    if len(found) > most:  # it grew meanwhile, or does not say how large it is, as in /proc
        raise OSError(errno.EFBIG, "it is larger than %d MiB" % (most // MIB), os.fspath(path))
    return found
