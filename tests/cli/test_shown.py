"""What the commands print, whatever names they are handed, and wherever it goes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.desk import Desk, environment

HOSTILE = "a[red]\x1b[31m\u202e\n[/bold]\x07\u200b\x9b31m"
NET = f"""\
import torch
from torch import nn

NAME = {HOSTILE!a}


def build(seed=0, bias=True):
    torch.manual_seed(seed)
    net = nn.Sequential()
    net.add_module(NAME, nn.Linear(4, 3, bias=bias))
    net.add_module("last", nn.Linear(3, 2))
    batch = {{NAME: torch.linspace(-1, 1, 12).reshape(3, 4)}}

    def step(batch):
        print(NAME)
        return {{NAME: (net(batch[NAME]) ** 2).mean()}}

    return {{"modules": {{"net": net}}, "batch": batch, "step": step}}
"""
COMMANDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Return a desk whose names are hostile, with a capture and a report of a port that is wrong."""
    desk = Desk(tmp_path_factory.mktemp("hostile"))
    desk.write(reference=NET, port=NET.replace("(net(", "(1.1 * net("))
    done = desk.bisect("capture", "--seeds", "0", "-v")
    assert done.code == 0
    assert not COMMANDING.search(done.out + done.err)
    return desk


@pytest.fixture(scope="module")
def saved(hostile: Desk) -> str:
    """Return the report's file."""
    done = hostile.bisect("run", "-v", "--debug")
    assert done.code == 1, done.err
    assert "[red]" in done.out
    assert "[red]" in done.err
    assert not COMMANDING.search(done.out + done.err)
    (path,) = (hostile.captures / "reports").iterdir()
    return str(path)


def test_a_report_in_json_is_ascii(hostile: Desk, saved: str) -> None:
    """And whole: the name is in it, to the character."""
    done = hostile.bisect("report", saved, "--json", env={"PYTHONIOENCODING": "ascii"})
    assert done.out.isascii()
    assert not COMMANDING.search(done.out)
    assert list(json.loads(done.out)["targets"]) == [HOSTILE]


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "captures/small/ref", "captures/small/ref"),
        ("run", "--model", HOSTILE),
        ("run", "--target", HOSTILE + "x"),
        ("run", "--option", HOSTILE),
        ("run", "--recipe", HOSTILE),
        ("run", "--rtol", HOSTILE),
        ("report", HOSTILE),
        (HOSTILE,),
    ],
    ids=lambda words: ascii(words[:2])[:30],
)
def test_no_command_prints_what_steers_a_terminal(hostile: Desk, words: tuple[str, ...]) -> None:
    """Neither what it reads nor what it is given."""
    done = hostile.bisect(*words)
    assert done.code in (0, 2), done.err
    assert not COMMANDING.search(done.out + done.err)
    assert "mistake in bisect" not in done.err


@pytest.mark.parametrize("columns", ["20", "0", "wide"])
def test_a_terminal_of_any_width_and_of_ascii_alone_has_its_report(hostile: Desk, saved: str, columns: str) -> None:
    """No frame or arrow that it cannot show."""
    env = {"COLUMNS": columns, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = hostile.bisect("report", saved, env=env)
    assert (done.code, done.err) == (1, "")
    assert done.out.isascii()
    assert "DIVERGES" in done.out or columns == "0"


def test_what_ascii_lacks_is_spelled() -> None:
    """And not escaped, where there is a way to write it; what else there is stays legible."""
    prints = "from bisect_tool.cli import screen; screen.open_streams(); print('10\u00b2 \u00b1 2 \u00e9\u4e2d')"
    done = subprocess.run(
        [sys.executable, "-c", prints],
        env=environment({"PYTHONIOENCODING": "ascii"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("10^2 +- 2 \\xe9\\u4e2d\n", "")


def test_no_color_is_heeded(hostile: Desk, saved: str) -> None:
    """Also where colours are forced otherwise."""
    env = {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert not re.search(r"\x1b\[3\d", hostile.bisect("report", saved, env=env).out)


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-", "2>/dev/full", "2> >(true)"])
def test_closed_streams_change_no_exit_code(hostile: Desk, saved: str, closed: str) -> None:
    """Whether there is something to print or an error."""
    for path, code in ((saved, 1), ("nowhere", 2)):
        assert shell(hostile.folder, f"{BISECT} report {path} {closed}").returncode == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("capture --seeds 0 --captures closed", 0),
        ("run --model ref", 0),
        ("run --recipe nowhere", 2),
        ("run --bogus", 2),
    ],
)
def test_whoever_reads_the_progress_no_longer_ends_nothing(hostile: Desk, words: str, code: int) -> None:
    """The command goes on, and its exit code says what it found."""
    done = shell(hostile.folder, f"{BISECT} {words} 2>&1 | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (code, "")
    assert "capture" not in words or (hostile.folder / "closed" / "small" / "ref" / "manifest.json").exists()


def test_whoever_reads_the_first_line_alone_ends_nothing(hostile: Desk, saved: str) -> None:
    """There is nothing to say to whoever wanted no more."""
    done = shell(hostile.folder, f"{BISECT} report {saved} --json | head -n 1")
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.parametrize(
    "words",
    ["report", "run", "verify", "compare captures/small/ref captures/small/ref", "--help", "--version", "cpp-path"],
)
def test_a_stdout_that_is_full_is_named(hostile: Desk, saved: str, words: str) -> None:
    """In one line, by every command."""
    done = shell(hostile.folder, f"{BISECT} {words if words != 'report' else 'report ' + saved} > /dev/full")
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if "rror" in line or "Traceback" in line]
    assert errors == ["error: cannot write to stdout: No space left on device"]


BISECT = f"{sys.executable} -m bisect_tool"


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment(None),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('add_module("last"', 'add_module("l\\udcffst"', "the name of a module is 'net.l\\udcffst', which is no text"),
        ("return {NAME:", 'return {"l\\udcffss":', "step returned the target 'l\\udcffss', which is no text"),
        ("batch = {NAME:", 'batch = {"\\ud800": torch.ones(1), NAME:', "the batch that build returned has '\\ud800'"),
        ("print(NAME)", 'raise ValueError("l\\udcffss")', "ValueError: l?ss"),
    ],
)
def test_half_a_character_is_refused_in_names_and_shown_in_messages(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """As undecodable file names have it."""
    desk = Desk(tmp_path).write(reference=NET.replace(old, new))
    assert said in desk.capture().error(2)
