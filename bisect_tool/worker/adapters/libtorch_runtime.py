"""The runtime of ports in C++ as a module of Python: it is loaded before them, and they find its functions by their names."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from typing import Any, List

from . import libtorch_draws

NAME = "bisect_libtorch"
_loaded: List[Any] = []


def load(path: str) -> Any:
    """Load the runtime, once in a process."""
    if not _loaded:
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | os.RTLD_GLOBAL)
        try:
            loader = importlib.machinery.ExtensionFileLoader(NAME, path)
            spec = importlib.util.spec_from_file_location(NAME, path, loader=loader)
            assert spec is not None
            module = importlib.util.module_from_spec(spec)
            loader.exec_module(module)
        finally:
            sys.setdlopenflags(flags)
        module.draw_by(["aten::" + name for name in libtorch_draws.NAMES], libtorch_draws.draw)
        _loaded.append(module)
    return _loaded[0]


def loaded() -> Any:
    """Return the runtime that was loaded."""
    return _loaded[0]
