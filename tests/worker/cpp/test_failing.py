"""What is said of a port in C++ that cannot be built, that throws, or that crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, run_bisect

HERE = Path(__file__).resolve().parent
RECIPE = '[models.ref]\nframework = "libtorch"\nentry = "{entry}"\n'


def line_of(wrong: str) -> str:
    """Where odd.cpp goes wrong in this way."""
    lines = (HERE / "odd.cpp").read_text().splitlines()
    return f"odd.cpp:{next(n for n, line in enumerate(lines, 1) if line.endswith(f'// line of {wrong}'))}"


def capture(recipe: Path, captures: Path, *options: str) -> str:
    """What is said of a model that cannot be recorded."""
    done = run_bisect("capture", "--recipe", str(recipe), "--captures", str(captures), "--seeds", "0", *options)
    assert done.returncode in (2, 3), done.stdout
    return next(line for line in done.stderr.splitlines() if line.startswith("error: "))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "at",
            "record failed at {}: IndexError: vector::_M_range_check: __n (which is 3) >= this->size() (which is 0)",
        ),
        ("own", "record failed at {}: RuntimeError: this net is wrong"),
        ("torch", "record failed at {}: RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x3 and 9x9)"),
        ("build", "build failed at {}: ValueError: no such net"),
        ("crash", "the worker was killed by SIGSEGV during 'record'; it was at {} in odd::WrongImpl::forward"),
        ("endless", "the worker was killed by SIGSEGV during 'record'; it was at {} in odd::WrongImpl::forward"),
        (
            "thread",
            "was killed by SIGABRT during 'record'; it was at {}; a module is called from another thread than the one",
        ),
    ],
)
def test_the_line_in_the_ports_own_code_is_named(tmp_path: Path, wrong: str, said: str) -> None:
    message = capture(HERE, tmp_path, "--model", "odd", "--option", f"wrong={wrong}")
    before, _, after = said.partition("{}")
    assert before in message
    assert line_of(wrong) in message
    assert after in message


def test_a_call_from_another_thread_is_refused(tmp_path: Path) -> None:
    message = capture(HERE, tmp_path, "--model", "odd", "--option", "wrong=async")
    assert (
        "a module is called from another thread than the one that runs step; bisect follows one thread alone" in message
    )


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("hidden", "that can be seen from outside: build it without -fvisibility=hidden"),
        ("no_such", "has no function `bisect::Port no_such(const bisect::Options&)`; it has build, hidden"),
    ],
)
def test_a_function_that_cannot_be_found(tmp_path: Path, function: str, said: str) -> None:
    assert said in capture(HERE, tmp_path, "--model", function)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"bisect 0: built with libtorch 1.4.0\0",
            "libport.so was built with another version of bisect: build it anew",
        ),
        (
            b"bisect 1: built with libtorch 1.4.0\0",
            "libport.so was built with libtorch 1.4.0, and the torch of this Python is",
        ),
        (b"", "libport.so does not include bisect/port.h"),
    ],
)
def test_a_library_for_another_libtorch_is_not_loaded(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "libport.so").write_bytes(content)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(entry="libport.so:build"))
    assert said in capture(tmp_path, tmp_path)


COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do [ "$1" = --version ] && echo slow && exit; shift; done
echo half > "$2"; touch {folder}/begun; sleep 1000
"""


def test_an_interrupted_compiler_leaves_nothing(tmp_path: Path) -> None:
    """No process, and no file that would be taken for whole; what was half made is away with the next."""
    (tmp_path / "recipe.toml").write_text(RECIPE.format(entry="port.cpp:build"))
    (tmp_path / "port.cpp").write_text("")
    compiler = tmp_path / "slow"
    compiler.write_text(COMPILER.format(folder=tmp_path))
    compiler.chmod(0o755)
    environment = {**os.environ, "CXX": str(compiler), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    where = ["--recipe", str(tmp_path), "--captures", str(tmp_path / "captures")]
    command = [sys.executable, "-m", "bisect_tool", "capture", *where]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=-1, stderr=-1, text=True)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted: nothing was kept"
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(compiler) not in running
    cache = tmp_path / "cache" / "bisect" / "libtorch"
    assert not [path for path in cache.iterdir() if path.suffix in (".o", ".so", ".json")]
    compiler.write_text("#!/bin/sh\nexit 1\n")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "cannot compile all.cpp" in done.stderr
    assert [path.name for path in cache.iterdir()] == ["lock"]
