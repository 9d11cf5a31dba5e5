"""Give a capture a folder to grow in, and put it in its place when it is whole."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bisect_tool.captures.manifest import checksum
from bisect_tool.errors import BisectError

MARKER = ".made-by-bisect"
MARKER_TEXT = "`bisect capture` made this folder, and replaces all of it when it records the model again.\n"


@contextlib.contextmanager
def whole_or_absent(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder`` that takes its place when the block ends well, and else goes away.

    Raises BisectError when the disk does not take it, or when ``folder`` is there and bisect did not make it: nothing is
    replaced but what carries the marker.
    """
    temporary: Path | None = None
    try:
        check_replaceable(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        yield temporary
        (temporary / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
        temporary.chmod(folder.parent.stat().st_mode & 0o777)  # mkdtemp lets nobody else read it
        check_replaceable(folder)  # it may have been put there meanwhile
        _replace(temporary, folder)
    except OSError as error:
        raise BisectError(
            f"cannot write the capture {folder}: {error.strerror or error}; nothing was kept",
            hint="free some space, or choose another place with --captures",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def seal_manifest(folder: Path, **fields: Any) -> None:
    """Add what only the parent knows (recipe, model name, options) to a worker's manifest, and its checksum."""
    path = folder / "manifest.json"
    data = {**json.loads(path.read_text(encoding="utf-8")), **fields}
    path.write_text(json.dumps({**data, "checksum": checksum(data)}), encoding="utf-8")


def check_replaceable(folder: Path) -> None:
    """Raise BisectError where something stands in the capture's place that bisect did not make."""
    if folder.is_symlink() or (folder.exists() and not (folder / MARKER).is_file()):
        raise BisectError(
            f"{folder} is there already, and bisect did not make it: it would be replaced by the capture",
            hint="choose another place with --captures, or move it away",
        )


def _replace(source: Path, target: Path) -> None:
    """Put a folder in another's place, which goes away only once it is known to be a capture and the new one stands."""
    if not target.exists():
        os.replace(source, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    old = aside / target.name
    os.replace(target, old)
    try:
        check_replaceable(old)  # what was looked at before may have been exchanged meanwhile
        os.replace(source, target)
    except BaseException:
        os.replace(old, target)  # what was there before is not lost; where that fails, it stays aside
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
