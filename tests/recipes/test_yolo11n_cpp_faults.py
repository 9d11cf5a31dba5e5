"""The table of mistakes in the C++ port against its source, which it speaks of by name, file and line."""

from __future__ import annotations

import re

import pytest
from conftest import RECIPES, imports_from

SOURCES = RECIPES / "yolo11n" / "cpp"

with imports_from(RECIPES / "yolo11n", RECIPES / "detection"):
    from cpp_faults import FAULTS


def lines_with(text: str) -> list[tuple[str, int]]:
    """The files and lines of the port that have this text."""
    files = {path.name: path.read_text(encoding="utf-8").splitlines() for path in sorted(SOURCES.iterdir())}
    return [(name, n) for name, lines in files.items() for n, line in enumerate(lines, 1) if text in line]


def test_the_port_knows_the_same_names() -> None:
    listed = re.search(r"FAULTS\{(.*?)\};", (SOURCES / "faults.h").read_text(encoding="utf-8"), re.DOTALL)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed.group(1))) == set(FAULTS)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "none"])
def test_each_has_one_switch_and_one_wrong_line(fault: str) -> None:
    """The wrong line is that of the switch, or at most five lines below it."""
    (switch,) = lines_with(f'fault("{fault}")')
    table = FAULTS[fault]
    assert switch[0] == table.file
    if table.text:
        (wrong,) = (place for place in lines_with(table.text) if place[0] == table.file)
        assert 0 <= wrong[1] - switch[1] <= 5


def test_every_switch_is_in_the_table() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES.iterdir())
    assert set(re.findall(r'fault\("(\w+)"\)', sources)) == set(FAULTS) - {"none"}
