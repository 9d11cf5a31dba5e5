"""Ctrl-C, SIGTERM and a killed command: no process stays, nothing is half written, finished probes are kept."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli.desk import Desk, Ended, alive, changed

NET = "net = Net()"
HIDDEN = "hidden = torch.tanh(self.first(x))"
HANGS = "open('pid', 'w').write(str(os.getpid())); time.sleep(1000)"


def reached(desk: Desk, process: subprocess.Popen[str]) -> int:
    """Wait until the model has come to where it hangs; return its process id."""
    path = desk.recipe / "pid"
    end = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    return int(path.read_text())


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the command's end."""
    out, err = process.communicate(timeout=30)
    return Ended(process.returncode, out, err)


def assert_gone(pid: int) -> None:
    """Assert that a process ends within a moment."""
    end = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("place", [NET, HIDDEN])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_capture_leaves_nothing(desk: Desk, place: str, number: int) -> None:
    """While building and while recording: exit 130, one line, no worker, no half capture."""
    desk.write(reference=changed((place, f"{place}; {HANGS}")))
    process = desk.start("capture", "--seeds", "0")
    pid = reached(desk, process)
    assert place != HIDDEN or len(desk.leftovers()) == 1
    process.send_signal(number)
    done = ended(process)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "interrupted: nothing was kept"
    assert "Traceback" not in done.err
    assert not alive(pid)
    assert desk.leftovers() == []


def test_a_capture_that_is_interrupted_at_stirred_weights_leaves_nothing(desk: Desk) -> None:
    """The last of its runs is told by its name, and ends as the others do."""
    zeros = "self.last = nn.Linear(8, 2)", "self.last = nn.Linear(8, 2); nn.init.zeros_(self.last.weight)"
    desk.write(reference=changed(zeros, (HIDDEN, f"{HIDDEN}\n        if self.last.weight.any(): {HANGS}")))
    process = desk.start("capture", "--seeds", "0")
    pid = reached(desk, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert done.err.splitlines()[-2:] == ["recording ref at stirred weights", "interrupted: nothing was kept"]
    assert not alive(pid)
    assert desk.leftovers() == []


def test_an_interrupted_capture_keeps_the_one_before(recorded: Desk) -> None:
    """The capture that was there is untouched."""
    before = (recorded.captures / "ref" / "manifest.json").read_bytes()
    recorded.write(reference=changed((HIDDEN, f"{HIDDEN}; {HANGS}")))
    process = recorded.start("capture")
    reached(recorded, process)
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    assert (recorded.captures / "ref" / "manifest.json").read_bytes() == before
    assert recorded.leftovers() == []


def test_an_interrupted_doctor_leaves_no_worker(desk: Desk) -> None:
    """Exit 130 and no rows."""
    desk.write(reference=changed((NET, HANGS)))
    process = desk.start("doctor")
    pid = reached(desk, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert (done.code, done.out) == (130, "")
    assert not alive(pid)


def test_an_interrupted_run_goes_on_where_it_was(recorded: Desk) -> None:
    """The second run takes the finished probes from the first, and asks none of them again."""
    counted = "open('steps', 'a').write('x')"
    hangs = f"len(open('steps').read()) == 5 and ({HANGS.replace(';', ' and')})"
    recorded.port((HIDDEN, f"hidden = torch.sin(self.first(x)); {counted}; {hangs}"))
    process = recorded.start("run", "--target", "loss", "--json")
    pid = reached(recorded, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "interrupted: the probes so far are kept; run the same command to go on"
    assert not alive(pid)
    assert [path.name for path in recorded.captures.iterdir() if path.name == "reports"] == []
    again = recorded.run("--json")
    assert again.code == 1, again.err
    probes = json.loads(again.out)["probes"]
    assert probes["cached"] == 4
    third = recorded.run("--json")
    assert json.loads(third.out)["probes"]["cached"] == probes["count"]


def test_a_probe_line_that_a_crash_cut_short_is_passed_over(recorded: Desk) -> None:
    """Of the kept probes only the damaged one is asked again."""
    assert recorded.run().code == 0
    (path,) = (recorded.captures / "probes").glob("*.jsonl")
    text = path.read_text().rstrip("\n")
    path.write_text(text[:-20])
    done = recorded.run("--json")
    probes = json.loads(done.out)["probes"]
    assert probes["cached"] == probes["count"] - 1
    path.write_bytes(b"\xff\x00garbage\n[]\n3\n" + path.read_bytes())
    assert json.loads(recorded.run("--json").out)["probes"]["cached"] == probes["count"]


def test_a_killed_command_takes_its_worker_along(desk: Desk) -> None:
    """A command that was killed by SIGKILL cannot end its worker: the worker sees it and ends, busy as it may be."""
    desk.write(reference=changed((NET, HANGS)))
    process = desk.start("capture", "--seeds", "0")
    pid = reached(desk, process)
    process.kill()
    process.communicate()
    assert_gone(pid)


def test_what_the_model_started_ends_with_it(desk: Desk) -> None:
    """A child of the model is gone when the command ends, also where the model ended first."""
    child = "child = __import__('subprocess').Popen(['sleep', '1000']); open('pid', 'w').write(str(child.pid))"
    desk.write(reference=changed((NET, f"{NET}; {child}")))
    assert desk.capture().code == 0
    assert_gone(int((desk.recipe / "pid").read_text()))
    desk.write(reference=changed((NET, f"{NET}; {child}; os._exit(7)")))
    assert desk.capture().code == 2
    assert_gone(int(Path(desk.recipe / "pid").read_text()))
