"""Compile a port in C++ against the libtorch of this Python's torch; what did not change since is not compiled again."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shlex
import subprocess
import sysconfig
import time
from typing import Callable, Dict, Iterator, List, Sequence

from ..failures import RecipeError

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cpp")
SHOWN = 30  # lines of what a compiler said
Say = Callable[[str], None]  # told which file is compiled, again and again while it is


def runtime(say: Say) -> str:
    """Return the library through which ports talk to Python, compiled once for each torch."""
    python = sysconfig.get_paths()["include"]
    if not os.path.isfile(os.path.join(python, "Python.h")):
        raise RecipeError("there is no Python.h in %s: install the headers of this Python (python3-dev)" % python)
    flags = ["-std=c++20", "-O1", *_included(), "-isystem", python]
    source = os.path.join(HERE, "source", "all.cpp")
    return _built([source], flags, ["-ltorch_python"], lambda _name: say("what sees its calls, once for this torch"))


def library(sources: Sequence[str], includes: Sequence[str], say: Say) -> str:
    """Return the library made of a port's sources; ``includes`` are folders where its own headers lie.

    ``CXX``, ``CXXFLAGS`` and ``LDFLAGS`` are as for make. Raises RecipeError with what the compiler said.
    """
    own = [flag for folder in includes for flag in ("-I", folder)]
    flags = ["-std=c++17", "-O0", "-g1", *_included(), *own, *shlex.split(os.environ.get("CXXFLAGS", ""))]
    with open(os.path.join(HERE, "link.options"), encoding="utf-8") as file:
        linked = file.read().split()
    return _built(sources, flags, [*linked, *shlex.split(os.environ.get("LDFLAGS", ""))], say)


def _included() -> List[str]:
    """Return where headers lie: those that take the place of libtorch's come first."""
    import torch
    from torch.utils.cpp_extension import include_paths

    ours = [os.path.join(HERE, "shadow"), os.path.join(HERE, "include")]
    found = [flag for folder in ours for flag in ("-I", folder)]
    found += [flag for folder in include_paths() for flag in ("-isystem", folder)]
    return ["-fPIC", "-D_GLIBCXX_USE_CXX11_ABI=%d" % torch._C._GLIBCXX_USE_CXX11_ABI, *found]


def _built(sources: Sequence[str], flags: Sequence[str], linked: Sequence[str], say: Say) -> str:
    import torch

    compiler = shlex.split(os.environ.get("CXX", "g++"))
    common = [*compiler, _version(compiler), torch.__version__, _own_headers(), *flags]
    with _alone(say):
        objects = [_compiled(compiler, common, flags, source, say) for source in sources]
        lib = os.path.join(os.path.dirname(torch.__file__), "lib")
        torches = ["-L" + lib, "-Wl,-rpath," + lib, *linked, "-ltorch", "-ltorch_cpu", "-lc10"]
        name = _digest(*common, *linked, *[made + _digest_of(made) for made in objects])
        target = os.path.join(_folder(), name + ".so")
        if not os.path.isfile(target):
            _run([*compiler, "-shared", "-o", target + ".new", *objects, *torches], sources[0], "link", say)
            os.replace(target + ".new", target)
    return target


def _compiled(compiler: Sequence[str], common: Sequence[str], flags: Sequence[str], source: str, say: Say) -> str:
    """Return the object file of a source, made anew where that or a header that it includes has changed."""
    base = os.path.join(_folder(), _digest(*common, os.path.realpath(source)))
    if not _is_current(base):
        _run([*compiler, *flags, "-MMD", "-MF", base + ".d", "-c", source, "-o", base + ".new"], source, "compile", say)
        with open(base + ".json", "w", encoding="utf-8") as file:
            json.dump({path: _digest_of(path) for path in _dependencies(base + ".d")}, file)
        os.replace(base + ".new", base + ".o")
    return base + ".o"


def _is_current(base: str) -> bool:
    try:
        with open(base + ".json", encoding="utf-8") as file:
            inputs: Dict[str, str] = json.load(file)
        return os.path.isfile(base + ".o") and all(_digest_of(path) == known for path, known in inputs.items())
    except (OSError, ValueError):
        return False


def _dependencies(path: str) -> List[str]:
    """Return the files that a compiler says it has read, those of the system left out."""
    with open(path, encoding="utf-8") as file:
        words = shlex.split(file.read().replace("\\\n", " "))
    return sorted({word for word in words if not word.endswith(":")})


def _run(command: Sequence[str], source: str, doing: str, say: Say) -> None:
    name = os.path.basename(source)
    try:
        process = subprocess.Popen(  # noqa: S603 the compiler that the recipe names
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise RecipeError(
            "cannot start the compiler %s: %s; install g++, or name another one by CXX in the model's env"
            % (command[0], error.strerror)
        ) from error
    try:
        while True:
            say(name)
            with contextlib.suppress(subprocess.TimeoutExpired):
                said, _ = process.communicate(timeout=1)
                break
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RecipeError("cannot %s %s:\n%s" % (doing, name, _first(said, source)))


def _first(said: str, source: str) -> str:
    """Return what a compiler said, from the first error in the port's own files on."""
    lines = said.splitlines()
    errors = [number for number, line in enumerate(lines) if "error" in line]
    folder = os.path.dirname(os.path.realpath(source))
    own = [number for number in errors if os.path.realpath(lines[number].partition(":")[0]).startswith(folder)]
    start = (own or errors or [0])[0]
    return "\n".join(lines[start : start + SHOWN])


@contextlib.contextmanager
def _alone(say: Say) -> Iterator[None]:
    """Wait until nobody else compiles here: one compiler takes more than a gigabyte of memory."""
    with open(os.path.join(_folder(), "lock"), "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                say("another port, and this one waits")
                time.sleep(0.2)
        for half_made in glob.glob(os.path.join(_folder(), "*.new")):  # by one that was killed
            os.remove(half_made)
        yield


def _folder() -> str:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(home, "bisect", "libtorch")
    os.makedirs(folder, exist_ok=True)
    return folder


def _own_headers() -> str:
    """Return a digest of the headers that every port includes; a compiler leaves out those that libtorch's own ones ask for."""
    found = glob.glob(os.path.join(HERE, "**", "*.h"), recursive=True)
    return _digest(*(_digest_of(path) for path in sorted(found)))


def _version(compiler: Sequence[str]) -> str:
    try:
        said = subprocess.run([*compiler, "--version"], capture_output=True, text=True)  # noqa: S603
        return said.stdout.partition("\n")[0]
    except OSError:
        return ""  # said when it is to compile


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _digest_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(), digest_size=12).hexdigest()
