"""The code of a port in C++: who looks at its variables."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, FrozenSet, List, Optional

import torch

from ..code.cpp_watching import CppWatcher
from . import libtorch_runtime

_watchers: List[CppWatcher] = []  # the one of the port that is loaded


def watcher(is_watched: Callable[[str], bool], marked: Optional[Callable[[str], FrozenSet[int]]] = None) -> Any:
    """Return who looks at the variables of functions in watched files; of expressions no operation tells."""
    del marked
    runtime = libtorch_runtime.loaded()
    libraries = (os.path.dirname(torch.__file__), sys.prefix, sys.base_prefix, "/usr/lib", "/lib")
    runtime.foreign([os.path.realpath(folder) + os.sep for folder in libraries])
    _watchers[:] = [CppWatcher(is_watched, runtime)]
    return _watchers[0]


def given_back(value: Any) -> Any:
    """Return what a step gives, with the values in it that take the place of its own; see ``CppWatcher.given_back``."""
    return _watchers[0].given_back(value) if _watchers else value
