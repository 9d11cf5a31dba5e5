"""Where in C++ code an exception was thrown."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
from typing import Any, Callable, Iterator, List

import torch

from ..code.cpp_symbols import Symbols
from .libtorch_compile import HERE

LISTED = r"\((0x[0-9a-f]+) in "  # an address in the backtrace of one of libtorch's own exceptions
FOREIGN = tuple(
    os.path.realpath(folder) + os.sep
    for folder in (HERE, os.path.dirname(torch.__file__), sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64")
)


@contextlib.contextmanager
def located(runtime: Any) -> Iterator[None]:
    """Give an exception that leaves the block the ``places`` of the user's C++ code it came from; see ``failures.failure``."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "places"):
            addresses = [int(found, 16) for found in re.findall(LISTED, getattr(error, "backtrace", ""))]
            with contextlib.suppress(OSError):  # there is no addr2line
                error.places = _places(addresses or runtime.thrown(), runtime)  # type: ignore[attr-defined]
        raise


def locating(function: Callable[..., Any], runtime: Any) -> Callable[..., Any]:
    """Return a function whose exceptions say where they were thrown."""

    @functools.wraps(function, assigned=())
    def run(*arguments: Any) -> Any:
        with located(runtime):
            return function(*arguments)

    return run


def _places(addresses: List[int], runtime: Any) -> List[str]:
    """Return "file:line" of the user's code for return addresses, the innermost first."""
    symbols = Symbols(runtime.place_of)
    frames = [
        frame
        for address in addresses
        if not os.path.realpath(runtime.place_of(address)[0]).startswith(FOREIGN)
        for frame in symbols.at(address - 1)
    ]
    return [
        "%s:%d" % (frame.file, frame.line) for frame in frames if not os.path.realpath(frame.file).startswith(FOREIGN)
    ]
