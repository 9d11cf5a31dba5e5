"""Headers that Jittor's kernels and core include, compiled once: each of some hundred kernels takes a third of the time.

What is compiled stays the same, to the byte. Jittor rebuilds all where its flags change, so the tests have a cache of their own.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import subprocess
import sysconfig
from pathlib import Path

COMPILER = "g++"  # what Jittor finds by itself
HEADERS = ("<cmath>", "<algorithm>", '"var.h"', '"misc/cpu_math.h"')
FLAGS = ["-Wall", "-Wno-unknown-pragmas", "-std=c++14", "-fPIC", "-march=native"]
OPTIMISED = {"core": ["-O2"], "kernels": ["-Ofast", "-fopenmp"]}  # g++ takes the one that its own flags fit


def announce() -> None:
    """Have Jittor's compiler include the headers first, in all processes that start from here on."""
    if importlib.util.find_spec("jittor") is None:
        return
    _header().parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"#include {name}\n" for name in HEADERS)
    if not _header().exists():
        _header().write_text(text)
    os.environ["cc_flags"] = f"-include {_header()}"
    os.environ["cache_name"] = "tests"


def compile_headers() -> None:
    """Compile the headers unless they are; without this they are read anew by each kernel."""
    spec = importlib.util.find_spec("jittor")
    if spec is None or spec.origin is None:
        return
    compiled = _header().with_suffix(".h.gch")
    with _header().with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compiled.mkdir(exist_ok=True)
        source = Path(spec.origin).parent
        folders = [source / "src", source / "extern", Path(sysconfig.get_paths()["include"])]
        for name, optimised in OPTIMISED.items():
            if not (compiled / name).exists():
                words = [COMPILER, *FLAGS, *optimised, *(f"-I{folder}" for folder in folders), "-x", "c++-header"]
                subprocess.run([*words, str(_header()), "-o", str(compiled / f".{name}")], check=True)
                (compiled / f".{name}").rename(compiled / name)


def _header() -> Path:
    home = Path(os.environ.get("JITTOR_HOME") or Path.home())
    version = importlib.metadata.version("jittor")
    return home / ".cache" / "bisect-tests" / f"jittor-{version}" / "first.h"
