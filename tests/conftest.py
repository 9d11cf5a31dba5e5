"""Fixtures that several test modules share: real captures and real command lines."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "tiny"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-transcripts", action="store_true", help="write what is printed as the expected report")


def run_bisect(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the real command line; stdout is 100 columns wide and without colours."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bisect_tool", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=1500)


def capture_recipe(recipe: str, folder: Path) -> Path:
    """Capture a recipe's reference into a folder and return the folder."""
    done = run_bisect("capture", "--recipe", recipe, "--captures", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def tiny_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the tiny recipe."""
    return capture_recipe(str(TINY), tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def yolo11n_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the yolo11n recipe."""
    return capture_recipe("yolo11n", tmp_path_factory.mktemp("yolo11n"))


def _normalised(text: str) -> list[str]:
    """Numbers to three digits, runs of blanks to one: the last digits differ between machines."""
    rounded = re.sub(r"-?\d+\.\d+(e[-+]\d+)?", lambda match: f"{float(match[0]):.3g}", text)
    return [re.sub(r"[ ─]+", " ", line).strip() for line in rounded.splitlines() if line.strip()]


@pytest.fixture
def check_transcript(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare what was printed with the expected report beside the tests, line by line."""

    def check(name: str, printed: str) -> None:
        path = ROOT / "tests" / "transcripts" / f"{name}.txt"
        if request.config.getoption("--update-transcripts"):
            path.write_text(printed, encoding="utf-8")
        assert _normalised(printed) == _normalised(path.read_text(encoding="utf-8"))

    return check
