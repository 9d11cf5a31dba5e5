"""What is compiled anew, and what is not; a compiler that only notes that it was asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bisect_tool.worker.adapters import libtorch_compile

COMPILER = """#!/bin/sh
[ "$1" = --version ] && echo noting && exit
while [ $# -gt 0 ]; do
  case "$1" in
    -c) echo "$2" >> {log}; source=$2 ;;
    -o) touch "$2" ;;
    -MF) printf 'x.o: %s %s\\n' {folder}/port.cpp {folder}/net.h > "$2" ;;
  esac
  shift
done
"""


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that asks for the library of port.cpp and returns how many files were compiled so far."""
    log, compiler, tool = tmp_path / "log", tmp_path / "g++", tmp_path / "cpp"
    compiler.write_text(COMPILER.format(log=log, folder=tmp_path))
    compiler.chmod(0o755)
    (tmp_path / "port.cpp").write_text("")
    (tmp_path / "net.h").write_text("")
    shutil.copytree(libtorch_compile.HERE, tool)
    monkeypatch.setattr(libtorch_compile, "HERE", str(tool))
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ask() -> int:
        libtorch_compile.library([str(tmp_path / "port.cpp")], [str(tmp_path)], lambda _file: None)
        return len(log.read_text().splitlines())

    return ask


def test_what_did_not_change_is_compiled_once(compiled) -> None:
    assert [compiled(), compiled()] == [1, 1]


@pytest.mark.parametrize("changed", ["port.cpp", "net.h", "cpp/include/bisect/call.h", "cpp/shadow/torch/nn/pimpl.h"])
def test_what_changed_is_compiled_anew(compiled, tmp_path: Path, changed: str) -> None:
    """A compiler does not list the headers of the tool: it comes to them by way of libtorch's."""
    assert compiled() == 1
    (tmp_path / changed).write_text("// changed\n")
    assert [compiled(), compiled()] == [2, 2]


def test_other_flags_make_another_library(compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled() == 1
    monkeypatch.setenv("CXXFLAGS", "-O0")
    assert compiled() == 2
