"""Ctrl-C, the signals that end a command as it does, and a killed command: no process stays, nothing is half written, finished probes are kept."""

from __future__ import annotations

import json
import os
import pty
import re
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


@pytest.mark.parametrize(
    ("place", "number"),
    [(NET, signal.SIGINT), (NET, signal.SIGHUP), (HIDDEN, signal.SIGTERM), (HIDDEN, signal.SIGQUIT)],
)
def test_an_interrupted_capture_leaves_nothing(desk: Desk, place: str, number: int) -> None:
    """While building and while recording: the exit code of the signal, one line, no worker, no half capture."""
    desk.write(reference=changed((place, f"{place}; {HANGS}")))
    process = desk.start("capture", "--seeds", "0")
    pid = reached(desk, process)
    assert place != HIDDEN or len(desk.leftovers()) == 1
    process.send_signal(number)
    done = ended(process)
    assert (done.code, done.out) == (128 + number, "")
    assert done.err.splitlines()[-1] == "interrupted: nothing was kept"
    assert "Traceback" not in done.err
    assert not alive(pid)
    assert desk.leftovers() == []


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 1.0])
def test_a_command_that_is_interrupted_as_it_starts_says_so_in_one_line(desk: Desk, seconds: float) -> None:
    """While it is imported, too: no traceback, and never exit code 1, which says that a culprit was found."""
    process = desk.start("doctor")
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code in (130, -signal.SIGINT)  # the latter where Python itself had not begun
    assert "Traceback" not in done.err or "bisect_tool" not in done.err
    assert done.code != 130 or done.err.splitlines()[-1].startswith("interrupted: ")


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


def hanging_in(desk: Desk, run: int) -> None:
    """Write a port whose code is wrong, and which hangs when it runs for the so-manieth time."""
    counted = "open('steps', 'a').write('x')"
    hangs = f"len(open('steps').read()) == {run} and ({HANGS.replace(';', ' and')})"
    desk.port((HIDDEN, f"hidden = torch.sin(self.first(x)); {counted}; {hangs}"))


def test_an_interrupted_run_says_what_is_known_and_goes_on_where_it_was(recorded: Desk) -> None:
    """A report of what is known so far; the second run takes the finished probes from the first, and asks none again."""
    hanging_in(recorded, 5)
    process = recorded.start("run", "--target", "loss", "--json")
    pid = reached(recorded, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted: the probes so far are kept; run the same command to go on"
    assert not alive(pid)
    report = json.loads(done.out)
    assert report["verdict"] == "inconclusive"
    assert re.fullmatch(r"Interrupted after \d+ s: no culprit was proved for loss by then\.", report["sentence"])
    assert report["open_ends"][0].endswith(": no module call was judged")
    assert report["probes"]["count"] == 4
    values = report["targets"]["loss"]
    assert values["port"] == pytest.approx(0.169, abs=1e-3)
    assert values["port_with_reference_weights"] == values["port"]
    assert report["ruled_out"] == []
    again = recorded.run("--json")
    assert again.code == 1, again.err
    probes = json.loads(again.out)["probes"]
    assert probes["cached"] == 4
    third = recorded.run("--json")
    assert json.loads(third.out)["probes"]["cached"] == probes["count"]


def test_a_run_that_is_interrupted_twice_ends_at_once(recorded: Desk) -> None:
    """Without a report, also where the first Ctrl-C was not heeded yet."""
    hanging_in(recorded, 5)
    process = recorded.start("run", "--target", "loss")
    pid = reached(recorded, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted: the probes so far are kept; run the same command to go on"
    assert not alive(pid)


def test_a_run_that_is_ended_by_another_signal_says_what_is_known(recorded: Desk) -> None:
    """As Ctrl-C has it, with the signal's own exit code; the report is kept too."""
    hanging_in(recorded, 5)
    process = recorded.start("run", "--target", "loss", "--json")
    pid = reached(recorded, process)
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert done.code == 128 + signal.SIGTERM
    assert json.loads(done.out)["sentence"].startswith("Interrupted after ")
    assert "Ctrl-C" not in done.err
    assert (recorded.captures / "reports").is_dir()
    assert not alive(pid)


def test_a_run_that_is_interrupted_before_any_probe_promises_none(recorded: Desk) -> None:
    """While the port is built there is nothing that was kept."""
    recorded.port((NET, f"{NET}; {HANGS}"))
    process = recorded.start("run", "--target", "loss")
    reached(recorded, process)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.code == 130
    assert done.err.splitlines()[-1] == "interrupted: no probe was run yet; run the same command again"


def test_a_run_whose_terminal_is_gone_keeps_what_is_known(recorded: Desk) -> None:
    """Nothing can be printed then; the report is saved, the worker is gone."""
    hanging_in(recorded, 5)
    ours, theirs = pty.openpty()
    process = recorded.start("run", "--target", "loss", to=theirs)
    os.close(theirs)
    pid = reached(recorded, process)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) == 128 + signal.SIGHUP
    (kept,) = (recorded.captures / "reports").iterdir()
    assert json.loads(kept.read_text())["probes"]["count"] == 4
    assert not alive(pid)


def test_a_command_that_was_told_to_outlive_its_terminal_does(recorded: Desk) -> None:
    """What nohup ignores stays ignored."""
    recorded.port((NET, f"{NET}; os.kill(os.getppid(), signal.SIGHUP)"))
    done = recorded.bisect("run", "--target", "loss", before=["nohup"])
    assert done.code == 0, done.err


@pytest.mark.parametrize(("run", "probes"), [(1, 0), (4, 3), (6, 4)])  # the fifth probe computes it in float64 too
def test_a_time_limit_ends_a_search_in_the_middle_of_a_probe(recorded: Desk, run: int, probes: int) -> None:
    """Whatever was asked by then is reported, and what was not is an open end: exit 3."""
    hanging_in(recorded, run)
    done = recorded.run("--json", "--time-limit", "3", timeout=30)
    assert done.code == 3, done.err
    report = json.loads(done.out)
    assert re.fullmatch(r"Stopped after \d+ s: no culprit was proved for loss by then\.", report["sentence"])
    assert report["open_ends"][0].startswith("stopped after ")
    assert report["probes"]["count"] == probes
    assert (report["targets"]["loss"]["port"] is None) == (run == 1)


def test_a_time_limit_that_is_not_reached_changes_nothing(recorded: Desk) -> None:
    """The report is the same."""
    recorded.port((HIDDEN, "hidden = torch.sin(self.first(x))"))
    limited, free = recorded.run("--json", "--time-limit", "500"), recorded.run("--json")
    assert (limited.code, free.code) == (1, 1)
    assert json.loads(limited.out)["sentence"] == json.loads(free.out)["sentence"]


def test_a_time_limit_of_nothing_asks_nothing(recorded: Desk) -> None:
    """What is known without a probe is said all the same, on stderr at once and in the report."""
    recorded.port(("nn.Linear(8, 2)", "nn.Linear(8, 2, bias=False)"))
    done = recorded.run("--json", "--time-limit", "0")
    report = json.loads(done.out)
    assert (done.code, report["probes"]["count"], report["targets"]["loss"]["port"]) == (3, 0, None)
    assert {row["check"] for row in report["preflight"]} >= {"names", "parameters"}
    assert "the port does not make" not in done.out
    said = [line for line in done.err.splitlines() if line.startswith(("names: ", "differs: "))]
    assert said[0] == "names: 3 of 4 tensors and 3 of 3 modules of the reference have a partner in the port"
    assert any("net.last.bias" in line for line in said[1:])


def test_what_differs_is_said_before_the_port_runs(recorded: Desk) -> None:
    """Not when it is through: a large port takes minutes."""
    hanging_in(recorded, 1)
    process = recorded.start("run", "--target", "loss")
    reached(recorded, process)
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("names: 4 of 4 tensors"):
        assert line
    process.send_signal(signal.SIGTERM)
    ended(process)


def test_a_time_limit_is_a_number(recorded: Desk) -> None:
    """Neither NaN nor below zero."""
    for wrong in ("nan", "-1", "soon"):
        assert recorded.run("--time-limit", wrong).code == 2


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


def test_a_killed_command_takes_along_what_keeps_the_interpreter(desk: Desk) -> None:
    """Code in C that lets nobody else run, with a child of its own, is ended all the same."""
    child = "child = __import__('subprocess').Popen(['sleep', '1000']); open('child', 'w').write(str(child.pid))"
    sleeps = "open('pid', 'w').write(str(os.getpid())); __import__('ctypes').PyDLL(None).sleep(1000)"
    desk.write(reference=changed((NET, f"{NET}; {child}; {sleeps}")))
    process = desk.start("capture", "--seeds", "0")
    pid = reached(desk, process)
    process.kill()
    process.communicate()
    assert_gone(pid)
    assert_gone(int((desk.recipe / "child").read_text()))


def test_a_model_that_waits_for_all_its_children_waits_for_its_own(desk: Desk) -> None:
    """What watches the parent is no child of the model's."""
    waits = "os.fork() or os._exit(0); os.wait()\n    try: os.wait()\n    except ChildProcessError: pass"
    desk.write(reference=changed((NET, f"{NET}; {waits}")))
    done = desk.capture("--timeout", "20")
    assert done.code == 0, done.err


def test_what_the_model_started_ends_with_it(desk: Desk) -> None:
    """A child of the model is gone when the command ends, also where the model ended first."""
    child = "child = __import__('subprocess').Popen(['sleep', '1000']); open('pid', 'w').write(str(child.pid))"
    desk.write(reference=changed((NET, f"{NET}; {child}")))
    assert desk.capture().code == 0
    assert_gone(int((desk.recipe / "pid").read_text()))
    desk.write(reference=changed((NET, f"{NET}; {child}; os._exit(7)")))
    assert desk.capture().code == 2
    assert_gone(int(Path(desk.recipe / "pid").read_text()))
