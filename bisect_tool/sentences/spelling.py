"""How lists, places, numbers and what a probe measured are spelled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

WORST_GRADIENT = "worst gradient error"  # of all parameters, in multiples of what rounding allows
GRADIENT_OF = "grad:"  # begins the name of a target that is the gradient of one parameter


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names and how many more there are, as after a colon: 'a, b', 'a, b, c and 78 more'."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def sentence_list(items: Sequence[str], most: int = 4) -> str:
    """Return what ``listed`` does, but for a place inside a sentence, where 'and' joins the last: 'a, b and c'."""
    if 1 < len(items) <= most:
        return f"{', '.join(items[:-1])} and {items[-1]}"
    return listed(items, most)


def weights(lost: Sequence[str] = ()) -> str:
    """Name the reference's weights, which the port was given but for those that were ``lost``."""
    return (
        f"the reference's weights{f' (but for {listed(lost)}, without a sure partner of that shape)' if lost else ''}"
    )


def given_weights(lost: Sequence[str] = ()) -> str:
    """Name the weights that a call was given, where some may have been ``lost``."""
    return "the weights that could be given" if lost else "weights"


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
    words = [word for run in runs for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]
    return f"line{'s' if len(numbers) > 1 else ''} {sentence_list(words, 12)}"


def number(value: float | None) -> str:
    """Return a value with the digits that single precision has, '-' where there is none."""
    return "-" if value is None else f"{value:.7g}"


def apart(port: float | None, reference: float) -> tuple[str, str]:
    """Return two numbers in words, with as many digits as it takes to tell them apart."""
    if port is None:
        return "missing", f"{reference:.6g}"
    shown = ((f"{port:.{digits}g}", f"{reference:.{digits}g}") for digits in range(6, 18))
    return next((pair for pair in shown if pair[0] != pair[1]), (f"{port:.6g}", f"{reference:.6g}"))


def measured(quantity: str, value: float | None) -> str:
    """Return what a probe measured: 'cls_loss 6.226567', 'worst gradient error 6256 times what rounding allows'."""
    label, unit, _ = _spelled(quantity)
    return f"{label} {amount(quantity, value)}{f' {unit}' if unit and value and math.isfinite(value) else ''}"


def heading(quantity: str) -> str:
    """Return what stands above a column of values, with their unit."""
    label, unit, _ = _spelled(quantity)
    return f"{label} ({unit})" if unit else label


def amount(quantity: str, value: float | None) -> str:
    """Return a value of a quantity alone, '-' where there is none."""
    return "-" if value is None else f"{value:.{_spelled(quantity).digits}g}"


class _Spelled(NamedTuple):
    label: str
    unit: str = ""
    digits: int = 7


def _spelled(quantity: str) -> _Spelled:
    """Return what a quantity is called, the unit of its values, and how many of their digits mean something."""
    if quantity == WORST_GRADIENT:
        return _Spelled(quantity, "times what rounding allows", 4)
    if quantity.startswith(GRADIENT_OF):
        return _Spelled(f"relative error of the gradient of {quantity.removeprefix(GRADIENT_OF)}", digits=4)
    return _Spelled(quantity)
