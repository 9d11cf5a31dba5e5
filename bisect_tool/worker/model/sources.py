"""The user's own code, told from the libraries', as one digest."""

from __future__ import annotations

import hashlib
import os
import sys
import types
from typing import Iterator, Sequence

WORKER = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
FRAMEWORKS = ("torch", "functorch", "torchgen", "jittor", "numpy", "safetensors")
PACKAGES = ("site-packages", "dist-packages")  # below the standard library's folder, and not its own
BUILT = os.path.join(".cache", "jittor", "")  # where Jittor writes Python code of its own
LARGE_FILE = 1 << 20
MOST_FILES = 5000
CODE_AND_SETTINGS = (".py", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini", ".c", ".cc", ".cpp", ".cu", ".h", ".so")


def sources(folders: Sequence[str]) -> str:
    """Return the digest of the user's code and settings: a probe is only valid for these.

    Every source file of the user's that is loaded, those of the installed packages that these name, and the code and settings in
    ``folders``, which ``step`` may yet import or read; large files and installed ones by size and time. What else a run writes
    there changes nothing.
    """
    total = hashlib.blake2b(digest_size=16)
    for path in sorted({path for path, _ in own_modules()} | set(_of_packages()) | _files_in(folders)):
        state = os.stat(path)
        total.update(("%s %d\0" % (path, state.st_size)).encode())
        if state.st_size > LARGE_FILE or is_installed(path):
            total.update(b"%d" % state.st_mtime_ns)
            continue
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def own_modules() -> list[tuple[str, types.ModuleType]]:
    """Return the loaded modules that are the user's own, each with its file."""
    return [(path, module) for path, module in _loaded() if not is_installed(path) and "/.cache/" not in path]


def is_installed(file: str) -> bool:
    """Tell whether a file lies among installed packages."""
    return any(os.sep + name + os.sep in file for name in PACKAGES)


def is_library(file: str, frameworks: tuple[str, ...]) -> bool:
    """Tell whether a file is a framework's, Python's or this tool's; ``frameworks`` are the folders of those that are loaded."""
    if file.startswith((*frameworks, os.path.join(WORKER, ""))) or BUILT in file:
        return True
    standard = os.path.join(os.path.realpath(os.path.dirname(os.__file__)), "")
    return file.startswith(standard) and not file[len(standard) :].startswith(PACKAGES)


def folders_of_frameworks() -> tuple[str, ...]:
    """Return the folders of what computes with arrays, as far as it is loaded: no code to look for mistakes in."""
    files = [getattr(sys.modules.get(name), "__file__", None) for name in FRAMEWORKS]
    return tuple(os.path.join(os.path.realpath(os.path.dirname(file)), "") for file in files if file)


def _of_packages() -> Iterator[str]:
    """Yield the loaded files of the installed packages of which the user's own modules hold anything, but for the frameworks'."""
    held = (value for _, module in own_modules() for value in list(vars(module).values()))
    names = (
        value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None) for value in held
    )
    packages = {name.partition(".")[0] for name in names if isinstance(name, str)}
    for path, module in _loaded():
        if is_installed(path) and module.__name__.partition(".")[0] in packages:
            yield path


def _loaded() -> list[tuple[str, types.ModuleType]]:
    files = [(os.path.realpath(getattr(m, "__file__", None) or ""), m) for m in list(sys.modules.values())]
    frameworks = folders_of_frameworks()
    return [(p, m) for p, m in files if p.endswith(".py") and not is_library(p, frameworks) and os.path.isfile(p)]


def _files_in(folders: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        for root, inner, files in os.walk(os.path.realpath(folder)):
            inner[:] = sorted(d for d in inner if not d.startswith((".", "__")) and d != "captures")
            found.update(os.path.join(root, f) for f in files if f.endswith(CODE_AND_SETTINGS))
            if len(found) > MOST_FILES:
                return found
    return {path for path in found if os.path.isfile(path)}
