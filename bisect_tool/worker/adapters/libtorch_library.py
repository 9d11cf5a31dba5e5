"""The library that a port in C++ was built to: the function in it that an entry names."""

from __future__ import annotations

import ctypes
import re
import subprocess

from ..failures import RecipeError

BUILT_WITH = rb"bisect (\d+): built with libtorch ([^\0]+)\0"  # in bisect/port.h
HEADERS = "1"  # the version of these


def address_of(path: str, name: str, function: str) -> int:
    """Load a library and return the address of a function ``Port f(const Options&)``; ``name`` is what messages call it.

    Raises RecipeError for what cannot be loaded.
    """
    with open(path, "rb") as file:
        content = file.read()
    _check_version(content, name)  # first: what was made for another libtorch may crash while it is loaded
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        said = _demangled(str(error))
        missing = (
            "; is the file that defines it among `sources`, or what has it in LDFLAGS?"
            if "undefined symbol" in said
            else ""
        )
        raise RecipeError("cannot load %s: %s%s" % (name, said, missing)) from error
    found = getattr(library, _symbol(function), None)
    if found is None:
        raise RecipeError("entry: %s has no function %s" % (name, _missing(content, function)))
    address = ctypes.cast(found, ctypes.c_void_p).value
    assert address is not None
    return address


def _missing(content: bytes, function: str) -> str:
    """Return what to say of a function that cannot be found, by the names that stand in the library's file."""
    wanted = "`bisect::Port %s(const bisect::Options&)`" % function
    if _symbol(function).encode() in content:
        return (
            "%s that can be seen from outside: build it without -fvisibility=hidden, or write "
            '__attribute__((visibility("default"))) before it' % wanted
        )
    others = sorted(set(re.findall(rb"_ZN?\w+RKN6bisect7OptionsE\b", content)))
    names = [_demangled(other.decode()).partition("(")[0] for other in others]
    return wanted + ("; it has %s" % ", ".join(names) if names else "; is its source one of those that are built?")


def _check_version(content: bytes, name: str) -> None:
    import torch

    found = re.search(BUILT_WITH, content)
    if found is None:
        raise RecipeError("%s does not include bisect/port.h" % name)
    headers, built_with = found[1].decode(), found[2].decode()
    if headers != HEADERS:
        raise RecipeError("%s was built with another version of bisect: build it anew" % name)
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
