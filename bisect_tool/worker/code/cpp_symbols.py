"""From addresses of a program's code to functions, files and lines, by binutils' ``addr2line``."""

from __future__ import annotations

import subprocess
from typing import Callable, Dict, List, NamedTuple, Tuple


class Frame(NamedTuple):
    """A place in C++ code: the function's name as a linker shows it, the file and the line."""

    function: str
    file: str
    line: int


class Symbols:
    """Who knows what stands at an address; ``place_of`` gives the library that has it, and where in that it lies.

    Raises OSError where there is no ``addr2line``.
    """

    def __init__(self, place_of: Callable[[int], Tuple[str, int]]) -> None:
        self._place_of = place_of
        self._known: Dict[int, List[Frame]] = {}
        self._asked: Dict[str, subprocess.Popen[str]] = {}

    def at(self, address: int) -> List[Frame]:
        """Return the functions that an address lies in: the inlined ones, the innermost first, and then the one around."""
        if address not in self._known:
            library, offset = self._place_of(address)
            self._known[address] = self._ask(library, offset) if library else []
        return self._known[address]

    def _ask(self, library: str, offset: int) -> List[Frame]:
        process = self._asked.get(library)
        if process is None:
            command = ["addr2line", "-e", library, "-a", "-f", "-i", "-C"]
            process = self._asked[library] = subprocess.Popen(  # noqa: S603 a program of binutils
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("0x%x\n0x0\n" % offset)  # the second one marks the end of what is said of the first
        process.stdin.flush()
        process.stdout.readline()
        lines: List[str] = []
        for line in process.stdout:
            if line.startswith("0x0000000000000000"):
                break
            lines.append(line.rstrip("\n"))
        process.stdout.readline(), process.stdout.readline()
        return [found for pair in zip(lines[::2], lines[1::2]) if (found := _frame(*pair)) is not None]


def _frame(function: str, place: str) -> Frame | None:
    """Read "name" and "file:12 (discriminator 3)"."""
    file, _, line = place.partition(" ")[0].rpartition(":")
    return Frame(function, file, int(line)) if line.isdigit() and not file.startswith("?") else None
