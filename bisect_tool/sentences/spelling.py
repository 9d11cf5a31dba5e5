"""How lists, places and numbers are spelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def sentence_list(items: Sequence[str], most: int = 4) -> str:
    """Return names as a sentence part: 'a, b and c'."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def counted(number: int, noun: str) -> str:
    """Return '1 module', '81 modules'."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def places(spelled: Iterable[str]) -> str:
    """Return lines, each spelled ``file:number``, in words: 'lines 24, 26 to 28 of port.py'."""
    by_file: dict[str, set[int]] = {}
    for place in spelled:
        file, _, number = place.rpartition(":")
        by_file.setdefault(file, set()).add(int(number))
    return sentence_list([f"{_lines(numbers)} of {file}" for file, numbers in by_file.items()])


def _lines(numbers: set[int]) -> str:
    runs: list[list[int]] = []
    for line in sorted(numbers):
        if runs and line == runs[-1][-1] + 1:
            runs[-1].append(line)
        else:
            runs.append([line])
    words = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"line{'s' if len(numbers) > 1 else ''} {sentence_list(words, 12)}"


def apart(port: float | None, reference: float) -> tuple[str, str]:
    """Return two numbers in words, with as many digits as it takes to tell them apart."""
    if port is None:
        return "missing", f"{reference:.6g}"
    shown = ((f"{port:.{digits}g}", f"{reference:.{digits}g}") for digits in range(6, 18))
    return next((pair for pair in shown if pair[0] != pair[1]), (f"{port:.6g}", f"{reference:.6g}"))
