"""The code of a port in C++: who looks at its variables."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable

import torch

from ..code.cpp_watching import CppWatcher
from . import libtorch_runtime


def watcher(is_watched: Callable[[str], bool]) -> Any:
    """Return who looks at the variables of functions in watched files."""
    runtime = libtorch_runtime.loaded()
    libraries = (os.path.dirname(torch.__file__), sys.prefix, sys.base_prefix, "/usr/lib", "/lib")
    runtime.foreign([os.path.realpath(folder) + os.sep for folder in libraries])
    return CppWatcher(is_watched, runtime)
