"""Fixtures that several test modules share: real captures and real command lines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jittor_headers
import pytest
import warm

from bisect_tool.questions.log import ProbeLog

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "tiny"
RECIPES = ROOT / "recipes"
TRANSCRIPTS = ROOT / "tests" / "transcripts"
PAIR_RECIPE = """
[models.ref]
framework = "torch"
entry = "pair.py:ref"
[models.port]
framework = "torch"
entry = "pair.py:port"
"""
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-transcripts", action="store_true", help="write what is printed as the expected report")


def pytest_configure() -> None:
    """Let what compiles for Jittor read its headers compiled."""
    jittor_headers.announce()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compile Jittor's headers before the first process that needs them."""
    if item.get_closest_marker("jittor") is not None:
        jittor_headers.compile_headers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep a file's tests in one process: the groups of pytest-xdist itself do nothing under pytest 9.

    It no longer names a test by what they change.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::", maxsplit=1)[0]

    return Scheduling(config, log)


# The recipe.toml of a torch reference in ref.py, with a port of it in port.py.
TORCH_PAIR = """
[models.ref]
framework = "torch"
entry = "ref.py:build"
[models.port]
framework = "torch"
entry = "port.py:build"
"""


def sampled(faults: Iterable[str], every: int = 3) -> list[str]:
    """Return some of a recipe's faults, evenly over the kinds that they are listed by; all of them under ``make faults``."""
    return list(faults)[:: 1 if os.environ.get("BISECT_FAULTS") == "all" else every]


def run_bisect(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the real command line; stdout is 100 columns wide and without colours."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
    return warm.run(arguments, environment, cwd, timeout=1500)


def capture_recipe(recipe: str, folder: Path, *options: str, words: Sequence[str] = ()) -> Path:
    """Capture a recipe's reference into a folder and return the folder."""
    done = run_bisect("capture", "--recipe", recipe, "--captures", str(folder), *words, *_flags(options))
    assert done.returncode == 0, done.stderr
    return folder


def record_switched(folder: Path, pair: str) -> Path:
    """Write a recipe whose two sides are one source, ``%s`` of which says whether it is the port; record its reference."""
    (folder / "ref.py").write_text(pair % "False")
    (folder / "port.py").write_text(pair % "True")
    (folder / "recipe.toml").write_text(TORCH_PAIR)
    assert run_bisect("capture", "--recipe", str(folder), "--captures", str(folder / "captures")).returncode == 0
    return folder


def report_on(folder: Path, fault: str) -> dict:
    """Return what is said of the port of such a recipe with a fault."""
    where = ("--recipe", str(folder), "--captures", str(folder / "captures"))
    return json.loads(run_bisect("run", *where, "--json", "--option", f"fault={fault}").stdout)


def lines_shown(folder: Path, culprit: dict) -> list[str]:
    """Return the lines of such a port that a culprit names, with those that it cannot tell from them."""
    assert culprit["line"] is not None
    text = (folder / "port.py").read_text().splitlines()
    places = [culprit["line"]["port"]["line"], *(int(one.rpartition(":")[2]) for one in culprit["line"]["unclear"])]
    return [text[number - 1] for number in places]


def report_of(
    recipe: str, captures: Path, *options: str, target: str | None = "cls_loss", model: str = "port"
) -> tuple[int, dict]:
    """Run a port against a capture and return exit code and report."""
    wanted = [] if target is None else ["--target", target]
    done = run_bisect(
        "run", "--recipe", recipe, "--model", model, "--captures", str(captures), *wanted, "--json", *_flags(options)
    )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def check_line(code: int, report: dict, line: str) -> None:
    """Check that a report blames the assignments of one line of the port, a given one among them, and proves it."""
    (culprit,) = report["culprits"]
    assert (code, report["verdict"], culprit["kind"], culprit["confirmed"]) == (1, "diverges", "code", True)
    assert line in {site.partition("#")[0] for site in culprit["sites"]}
    shown = {
        side: excerpt["text"][excerpt["line"] - excerpt["first"]]
        for side, excerpt in culprit["line"].items()
        if side in ("reference", "port")
    }
    assert all(text.strip() for text in shown.values())
    place = f"{culprit['line']['port']['file']}:{culprit['line']['port']['line']} (reference "
    said = [finding["message"] for finding in culprit["findings"] if finding["check"] == "line"]
    assert not said or said[0].startswith(place)  # others are those of more arguments of one call, each on its own line
    port = culprit["line"]["port"]
    assert f"line {port['line']} of {port['file']}" in report["sentence"].replace("Line", "line")
    assert "module calls: from the reference's inputs and weights each gives" in report["ruled_out"][0]
    assert report["ruled_out"][1].startswith("weights alone")


def check_backward(code: int, report: dict, fault: object) -> None:
    """Check that a report blames just the calls or parameters whose backward pass is at fault, proves it, and names a line.

    The line is one that the fault changed, or assigns the variable that the fault is said to be at.
    """
    culprits = report["culprits"]
    assert (code, report["verdict"]) == (1, "diverges")
    assert all((c["kind"], c["confirmed"]) == ("gradient", True) and c["findings"] for c in culprits)
    assert {site for c in culprits for site in c["sites"]} == set(fault.sites or ("step",))
    culprit = culprits[0]
    if not fault.line:
        return
    port = culprit["line"]["port"]
    named = [port["text"][port["line"] - port["first"]].strip()]
    said = next(f["message"] for f in culprit["findings"] if f["check"] == "line")
    places = [place.rpartition(":") for place in culprit["line"]["unclear"]]
    inside = [int(number) for file, _, number in places if file == port["file"]]
    named += [port["text"][n - port["first"]].strip() for n in inside if 0 <= n - port["first"] < len(port["text"])]
    new = {line.strip() for edit in fault.edits for line in edit.new.splitlines()}
    changed = any(line and any(line in text or text in line for text in new if text) for line in named)
    assert changed or fault.line in said


def check_steps(code: int, report: dict, fault: object) -> None:
    """Check that a report blames the optimiser's step alone, with just the parameters that are stepped otherwise."""
    (culprit,) = report["culprits"]
    assert (code, report["verdict"], culprit["kind"], culprit["confirmed"]) == (1, "diverges", "step", True)
    assert set(culprit["sites"]) == set(fault.sites)


def _flags(options: Sequence[str]) -> list[str]:
    return [word for option in options for word in ("--option", option)]


@contextmanager
def imports_from(*folders: Path) -> Iterator[None]:
    """Look for modules in the folders first, and forget in the end those that were found there."""
    modules, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if Path(getattr(sys.modules[name], "__file__", None) or ".").parent in folders:
                del sys.modules[name]


@pytest.fixture(autouse=True)
def _bounds_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """An axis that takes more probes than it announced is a mistake, whatever the user is told of it."""

    def beyond(_log: object, bound: object) -> AssertionError:
        return AssertionError(f"more probes than were announced: {bound}")

    monkeypatch.setattr(ProbeLog, "_beyond", beyond)


@pytest.fixture(scope="session")
def tiny_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the tiny recipe, with gradients."""
    return capture_recipe(str(TINY), tmp_path_factory.mktemp("tiny"), words=["--grads"])


@pytest.fixture(scope="session")
def yolo11n_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The captures folder of the yolo11n recipe."""
    return capture_recipe("yolo11n", tmp_path_factory.mktemp("yolo11n"))


def normalised(text: str) -> list[str]:
    """Words, numbers to three digits, long whole ones to two: the last ones differ between machines, and so do line breaks."""
    rounded = re.sub(r"-?\d+\.\d+(e[-+]\d+)?", lambda match: f"{float(match[0]):.3g}", text)
    rounded = re.sub(r"(?<![.\d])\d{4,}(?![.\d])", lambda match: f"{float(match[0]):.2g}", rounded)
    return re.sub("[─│]", " ", rounded).split()


@pytest.fixture
def check_transcript(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare what was printed with the expected report beside the tests, word by word."""

    def check(name: str, printed: str, folder: Path = TRANSCRIPTS) -> None:
        path = folder / f"{name}.txt"
        if request.config.getoption("--update-transcripts"):
            path.write_text(printed, encoding="utf-8")
        assert normalised(printed) == normalised(path.read_text(encoding="utf-8"))

    return check
