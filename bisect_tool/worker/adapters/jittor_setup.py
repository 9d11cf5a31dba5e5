"""Make ``import jittor`` work on a machine without network or usable CUDA, and undo what the import does.

Settings go into the environment before the import and never overwrite what the recipe's ``env`` says.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import platform
import signal
import sys
from typing import Any, Callable, Mapping

ONEDNN = "dnnl_lnx_2.2.0_cpu_gomp"  # the build that Jittor 1.3 looks for, under this name
DEFAULTS = {
    "nvcc_path": "",  # an nvcc without a CUDA runtime makes the import die on libcudart
    "cache_name": "default",  # otherwise the cache follows the git branch that is checked out
    "FIX_TORCH_ERROR": "0",  # otherwise the import takes torch along, where there is one: two seconds and 180 MB
}


def import_jittor() -> Any:
    """Import jittor with what it needs set, then give the process its signals and limits back."""
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)
    if "use_mkl" not in os.environ:
        os.environ["use_mkl"] = "1" if lay_out_onednn() else "0"
    limit = sys.getrecursionlimit()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)}
    import ssl

    https_context = ssl._create_default_https_context
    import jittor

    ssl._create_default_https_context = https_context
    sys.setrecursionlimit(limit)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, handlers[signal.SIGINT] or signal.SIG_DFL)
    return jittor


def jittor_home(environment: Mapping[str, str]) -> pathlib.Path:
    """Return the folder whose ``.cache/jittor`` holds Jittor's compiled code, for a process with this environment.

    Jittor notes a ``JITTOR_HOME`` that it was once given, and goes by it ever after.
    """
    user = pathlib.Path(environment.get("HOME") or pathlib.Path.home())
    try:
        noted = json.loads((user / ".cache" / "jittor" / "config.json").read_text()).get("JITTOR_HOME")
    except (OSError, ValueError, AttributeError):
        noted = None
    return pathlib.Path(environment.get("JITTOR_HOME") or (noted if isinstance(noted, str) else user))


def lay_out_onednn() -> bool:
    """Link oneDNN from its installed packages to where Jittor looks; tell whether it is there.

    Convolutions without it are 50 times slower, and Jittor itself would download it.
    """
    folder = jittor_home(os.environ) / ".cache" / "jittor" / "mkl" / ONEDNN
    if (folder / "lib" / "libmkldnn.so").exists():
        return True
    if platform.machine() != "x86_64" or sys.platform != "linux":
        return False
    libraries = _installed("onednn-cpu-gomp", lambda path: path.name.startswith(("libmkldnn", "libdnnl")))
    headers = _installed("onednn-devel-cpu-gomp", lambda path: path.name == "mkldnn.hpp")
    if not libraries or not headers:
        return False
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    _link(folder / "include", headers[0].parent)
    for library in libraries:
        _link(folder / "lib" / library.name, library)
    return True


def _installed(distribution: str, wanted: Callable[[pathlib.PurePath], bool]) -> list[pathlib.Path]:
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    paths = [pathlib.Path(str(f.locate())).resolve() for f in files if wanted(pathlib.PurePath(str(f)))]
    return [path for path in paths if path.exists()]


def _link(link: pathlib.Path, target: pathlib.Path) -> None:
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(target)
