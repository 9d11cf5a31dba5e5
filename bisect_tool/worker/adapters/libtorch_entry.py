"""Load a port in C++ and call its ``build``: what it returns is as a recipe in Python has it."""

from __future__ import annotations

import glob
import json
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..code.cpp_classes import forwards
from ..failures import RecipeError
from . import libtorch_code, libtorch_compile, libtorch_library, libtorch_modules, libtorch_places, libtorch_runtime
from .entry import Compiling
from .libtorch_optimizer import CppOptimizer

BUILT = ".so"  # a library that the user has built


def load_entry(folder: str, entry: str, compiling: Optional[Compiling] = None) -> Callable[..., Any]:
    """Return the function that an entry names, ``port.cpp:build`` or ``build/libport.so:build``, as one of Python's."""
    sources, folders, say = compiling or Compiling((), (), lambda _file: None)
    file_name, _, function = entry.partition(":")
    path = os.path.join(folder, file_name)
    runtime = libtorch_runtime.load(libtorch_compile.runtime(say))
    if not path.endswith(BUILT):
        included = list(dict.fromkeys([folder, *folders]))
        path = libtorch_compile.library([path, *_found(folder, sources)], included, say)
    arguments = forwards([folder, *folders])
    address = libtorch_library.address_of(path, file_name, function)

    def build(**options: Any) -> Dict[str, Any]:
        words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}
        with libtorch_places.located(runtime):
            built = runtime.build(address, words)
        unread = [name for name in words if name not in built["read"] and name != "seed"]
        if unread:
            takes = ", ".join(sorted(set(built["read"]))) or "none at all"
            raise RecipeError("build takes no option %s; it read %s" % (", ".join(unread), takes))
        return _as_python(built, arguments, runtime)

    return build


def _as_python(built: Dict[str, Any], arguments: Dict[str, List[str]], runtime: Any) -> Dict[str, Any]:
    """Return what ``build`` gave with modules and an optimizer of Python's in the place of its own."""
    found = {"batch": built["batch"], "modules": libtorch_modules.proxies(built["modules"], arguments)}
    if built["step"] is not None:
        step = libtorch_places.locating(built["step"], runtime)
        found["step"] = lambda batch: libtorch_code.given_back(step(batch))
    if built["optimizer"] is not None:
        found["optimizer"] = CppOptimizer(built["optimizer"])
    return found


def _found(folder: str, sources: Sequence[str]) -> List[str]:
    """Return the files that patterns name. Raises RecipeError where one names none."""
    found: List[str] = []
    for pattern in sources:
        names = sorted(glob.glob(os.path.join(folder, os.path.expanduser(pattern)), recursive=True))
        if not names:
            raise RecipeError("sources: there is no file %s in %s" % (pattern, folder))
        found += [name for name in names if name not in found]
    return found
