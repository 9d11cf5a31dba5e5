"""The user's own code, told from the libraries', as one digest."""

from __future__ import annotations

import hashlib
import os
import sys
import types
from typing import Sequence

WORKER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGE_FILE = 1 << 20
MOST_FILES = 5000
CODE_AND_SETTINGS = (".py", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini", ".c", ".cc", ".cpp", ".cu", ".h", ".so")


def sources(folders: Sequence[str]) -> str:
    """Return the digest of the user's code and settings: a probe is only valid for these.

    Every source file that is loaded, and the code and settings in ``folders``, which ``step`` may yet import or
    read; large files by size and time. What else a run writes there changes nothing.
    """
    total = hashlib.blake2b(digest_size=16)
    for path in sorted({path for path, _ in own_modules()} | _files_in(folders)):
        state = os.stat(path)
        total.update(("%s %d\0" % (path, state.st_size)).encode())
        if state.st_size > LARGE_FILE:
            total.update(b"%d" % state.st_mtime_ns)
            continue
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def own_modules() -> list[tuple[str, types.ModuleType]]:
    """Return the loaded modules that are the user's own, each with its file."""
    loaded = [(os.path.realpath(getattr(m, "__file__", None) or ""), m) for m in list(sys.modules.values())]
    library = (os.path.realpath(os.path.dirname(os.__file__)), os.path.realpath(WORKER))
    own = [(p, m) for p, m in loaded if p.endswith(".py") and os.path.isfile(p) and not p.startswith(library)]
    return [(p, m) for p, m in own if "site-packages" not in p and "/.cache/" not in p]


def _files_in(folders: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        for root, inner, files in os.walk(os.path.realpath(folder)):
            inner[:] = sorted(d for d in inner if not d.startswith((".", "__")) and d != "captures")
            found.update(os.path.join(root, f) for f in files if f.endswith(CODE_AND_SETTINGS))
            if len(found) > MOST_FILES:
                return found
    return {path for path in found if os.path.isfile(path)}
