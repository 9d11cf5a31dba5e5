"""Where a program in C++ died, from what its runtime printed of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bisect_tool.worker.code.cpp_symbols import Symbols

DIED = re.compile(r"bisect: died at (0x[0-9a-f]+) of (/.+)")  # cpp/source/crash.cpp
RUNTIME = str(Path(__file__).resolve().parent.parent / "worker" / "cpp")
FOREIGN = re.compile(r"^/(usr|lib|lib64)/|-packages/torch/")


def died_at(lines: Sequence[str]) -> str | None:
    """Return "file:line in function" of the innermost frame in the user's own code, None where that cannot be told."""
    frames = [(found[2], int(found[1], 16)) for line in lines if (found := DIED.fullmatch(line.strip()))]
    symbols = Symbols(frames.__getitem__)
    try:
        own = [frame for i, (library, _) in enumerate(frames) if not FOREIGN.search(library) for frame in symbols.at(i)]
    except OSError:  # there is no addr2line
        return None
    for frame in own:
        if not FOREIGN.search(frame.file) and not frame.file.startswith(RUNTIME):
            name = frame.function.partition("(")[0]  # of a lambda no more than "operator"
            return f"{frame.file}:{frame.line}" + (f" in {name}" if name != "operator" else "")
    return None
