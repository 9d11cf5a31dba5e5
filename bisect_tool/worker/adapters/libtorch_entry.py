"""Load a port in C++ and call its ``build``: what it returns is as a recipe in Python has it."""

from __future__ import annotations

import ctypes
import glob
import json
import os
import subprocess
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..failures import RecipeError
from . import libtorch_compile, libtorch_modules, libtorch_runtime
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
        path = libtorch_compile.library([path, *_found(folder, sources)], [folder, *folders], say)
    address = _address(path, file_name, function)

    def build(**options: Any) -> Dict[str, Any]:
        words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}
        built = runtime.build(address, words)
        unread = [name for name in words if name not in built["read"] and name != "seed"]
        if unread:
            takes = ", ".join(sorted(set(built["read"]))) or "none at all"
            raise RecipeError("build takes no option %s; it read %s" % (", ".join(unread), takes))
        return _as_python(built)

    return build


def _as_python(built: Dict[str, Any]) -> Dict[str, Any]:
    """Return what ``build`` gave with modules and an optimizer of Python's in the place of its own."""
    found = {"batch": built["batch"], "modules": libtorch_modules.proxies(built["modules"])}
    if built["step"] is not None:
        found["step"] = built["step"]
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


def _address(path: str, name: str, function: str) -> int:
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise RecipeError("cannot load %s: %s" % (name, _demangled(str(error)))) from error
    _check_version(library, name)
    found = getattr(library, _symbol(function), None)
    if found is None:
        raise RecipeError(
            "entry: %s has no function `bisect::Port %s(const bisect::Options&)` that can be seen from outside"
            % (name, function)
        )
    address = ctypes.cast(found, ctypes.c_void_p).value
    assert address is not None
    return address


def _check_version(library: ctypes.CDLL, name: str) -> None:
    import torch

    try:
        built_with = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "bisect_built_with"))).decode()
    except ValueError as error:
        raise RecipeError("%s does not include bisect/port.h" % name) from error
    if built_with.split("+")[0] != torch.__version__.split("+")[0]:
        raise RecipeError(
            "%s was built with libtorch %s, and the torch of this Python is %s: build it with that one's"
            % (name, built_with, torch.__version__)
        )


def _symbol(function: str) -> str:
    """Return the name that a function has in a library, by the rules of the Itanium C++ ABI, 5.1."""
    parts = ["%d%s" % (len(part), part) for part in function.split("::")]
    name = parts[0] if len(parts) == 1 else "N%sE" % "".join(parts)
    return "_Z%sRKN6bisect7OptionsE" % name


def _demangled(text: str) -> str:
    try:
        return subprocess.run(["c++filt"], input=text, capture_output=True, text=True).stdout.strip() or text  # noqa: S607
    except OSError:
        return text
