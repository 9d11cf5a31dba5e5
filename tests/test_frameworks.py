"""What is known of a framework stands in one table, and the rest of the tool reads it there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import bisect_tool
from bisect_tool.frameworks import FRAMEWORKS, Framework, Habit, known_framework

PACKAGE = Path(bisect_tool.__file__).parent
ELSEWHERE = sorted(
    path for path in PACKAGE.rglob("*.py") if PACKAGE / "worker" not in path.parents and path.stem != "frameworks"
)


def words_of(path: Path) -> list[str]:
    """Return a file's strings without its docstrings, which may name a framework as an example."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    said = {
        id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in strings if id(node) not in said]


def test_each_framework_has_an_adapter_and_each_adapter_an_entry() -> None:
    """The worker can do what the table knows, and no more."""
    adapters = {path.stem.removesuffix("_adapter") for path in (PACKAGE / "worker" / "adapters").glob("*_adapter.py")}
    assert set(FRAMEWORKS) == adapters
    assert all(name == each.name for name, each in FRAMEWORKS.items())


def test_habits_are_those_that_checks_ask_for() -> None:
    """An entry says nothing under a name that nobody looks up."""
    assert {habit for each in FRAMEWORKS.values() for habit in each.habits} == set(get_args(Habit))


def test_of_an_unknown_framework_nothing_is_known() -> None:
    """A worker may say another name: it gets no hints, and nothing fails."""
    assert known_framework("tinygrad") == Framework("tinygrad", "tinygrad")


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_other_file_names_jittor(path: Path) -> None:
    """Another framework needs an entry and an adapter, nothing else."""
    assert [words for words in words_of(path) if "jittor" in words.lower()] == []


def test_a_name_elsewhere_would_be_seen(tmp_path: Path) -> None:
    """The check above finds a string, be it part of another, and leaves docstrings alone."""
    path = tmp_path / "checks.py"
    path.write_text('"""Of Jittor."""\nif framework == "jittor":\n    hint = f"{ours}: Jittor\'s own"\n')
    assert words_of(path) == ["jittor", ": Jittor's own"]
