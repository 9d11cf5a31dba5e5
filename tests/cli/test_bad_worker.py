"""A model's process that cannot start, dies, hangs, or makes a lot of noise."""

from __future__ import annotations

import json
import venv
from pathlib import Path

import numpy as np
import pytest
import safetensors
from scripted_worker import READY, scripted
from scripted_worker import changed as worker_with

from cli.desk import MODEL, TOML, Desk, changed

NET = "net = Net()"
HIDDEN = "hidden = torch.tanh(self.first(x))"


def with_port(words: str) -> str:
    """Return the recipe with some words added to the port's table."""
    return TOML.rstrip() + "\n" + words + "\n"


@pytest.mark.parametrize("python", ["/no/such/python", "no-such-python", "../here"])
def test_an_interpreter_that_does_not_exist_is_named(recorded: Desk, python: str) -> None:
    """The interpreter and the model are named, and which key sets it."""
    recorded.write(toml=with_port(f'python = "{python}"'))
    error = recorded.run().error(2)
    assert "model 'port' of small: cannot start the interpreter" in error
    assert "next: set `python` of this model in recipe.toml" in error


def test_an_interpreter_that_is_no_python_is_named(recorded: Desk) -> None:
    """A program that ends without a word, or fails, is reported with how it ended."""
    recorded.write(toml=with_port('python = "/bin/true"'))
    error = recorded.run().error(2)
    assert "model 'port' of small: the worker ended (status 0) during 'start'; it printed nothing" in error
    assert "next: check that /bin/true is the Python that this model needs" in error
    recorded.write(toml=with_port('python = "/bin/ls"'))
    assert "ended (status 2) during 'start'; last output: " in recorded.run().error(2)


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a new environment that has numpy and safetensors alone, or nothing."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder


def test_an_environment_without_the_framework_is_named(recorded: Desk, bare_python: Path) -> None:
    """First numpy, then torch is said to be missing, with the interpreter to install it for."""
    python = bare_python / "bin" / "python"
    recorded.write(toml=with_port(f'python = "{python}"'))
    packages = next(bare_python.glob("lib/python3*/site-packages"))
    recorded.write(toml=with_port(f'python = "{python}"\nenv = {{ PYTHONPATH = "" }}'))
    error = recorded.run().error(2)
    assert "model 'port' of small: import failed: ModuleNotFoundError: No module named 'numpy'" in error
    assert f"next: install numpy for {python}" in error
    for package in (np, safetensors):
        source = Path(package.__file__).parent
        for folder in (source, source.parent / f"{package.__name__}.libs"):
            if folder.exists():
                (packages / folder.name).symlink_to(folder)
    error = recorded.run().error(2)
    assert "model 'port' of small: import failed: ModuleNotFoundError: No module named 'torch'" in error
    assert f"next: install torch for {python}" in error
    rows = json.loads(recorded.bisect("doctor", "--json").out)
    assert [row["ok"] for row in rows if row["model"] == "port"] == [True, False]


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("os._exit(7)", "ended (status 7)"),
        ("os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("__import__('ctypes').string_at(0)", "was killed by SIGSEGV during 'build'; it was at {}:19"),
    ],
)
def test_a_worker_that_dies_while_building_is_an_error(desk: Desk, death: str, words: str) -> None:
    """How it ended is said, and for a crash in native code which line of the recipe it was at; nothing is kept."""
    desk.write(reference=changed((NET, death)))
    error = desk.capture().error(2)
    assert "model 'ref' of small: the worker " in error
    assert words.format(desk.recipe / "reference.py") in error
    assert desk.leftovers() == []


def test_a_worker_that_dies_while_recording_leaves_nothing(desk: Desk) -> None:
    """The capture is absent."""
    desk.write(reference=changed((HIDDEN, "print('last words'); os._exit(7)")))
    assert "ended (status 7) during 'record'; last output: last words" in desk.capture().error(2)
    assert desk.captures.is_dir()
    assert list(desk.captures.iterdir()) == []


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("os._exit(7)", "ended (status 7) during 'run'"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL during 'run'"),
        ("__import__('ctypes').string_at(0)", "killed by SIGSEGV during 'run'; it was at {}:13"),
    ],
)
def test_a_port_that_always_dies_is_inconclusive(recorded: Desk, death: str, words: str) -> None:
    """The port does not run as it is: how it ended is said."""
    recorded.port((HIDDEN, death))
    assert words.format(recorded.recipe / "port.py") in recorded.run().error(3)


def test_a_port_that_is_killed_once_is_asked_once_more(recorded: Desk) -> None:
    """Nothing is concluded of it, and the report says that it happened."""
    dies = "open('count', 'a').write('x'); len(open('count').read()) == 4 and os.kill(os.getpid(), 9)"
    recorded.port((HIDDEN, f"{HIDDEN}; {dies}"))
    done = recorded.run("--json")
    report = json.loads(done.out)
    assert (done.code, [row["failure"] for row in report["probes"]["log"] if row["failure"]]) == (0, [])
    assert any(note.startswith("the port's process was killed once during 'run', ") for note in report["notes"])


def test_a_port_that_dies_in_one_probe_is_started_again(recorded: Desk) -> None:
    """The probe in which it died is unresolved and is asked again by the next run, which proves that the target feels it."""
    dies = "open('count', 'a').write('x'); len(open('count').read()) == 11 and os._exit(7)"
    recorded.port((HIDDEN, f"hidden = torch.sin(self.first(x)); {dies}"))
    done = recorded.run("--json")
    report = json.loads(done.out)
    asked = report["probes"]["count"]
    failures = [row["failure"] for row in report["probes"]["log"] if row["failure"]]
    assert len(failures) == 1
    assert failures[0].startswith("the worker ended (status 7) during 'run'")
    assert [(culprit["sites"], culprit["felt"]) for culprit in report["culprits"]] == [(["net"], False)]
    again = recorded.run("--json")
    assert again.code == done.code == 1
    report = json.loads(again.out)
    assert [(culprit["sites"], culprit["felt"]) for culprit in report["culprits"]] == [(["net"], True)]
    assert report["probes"]["cached"] == asked - len(failures)


def test_a_model_that_hangs_is_stopped(recorded: Desk) -> None:
    """After --timeout seconds of silence (more than an import takes) it is stopped, while building (2) and while probing (3)."""
    recorded.port((NET, "time.sleep(1000)"))
    error = recorded.run("--timeout", "8").error(2)
    assert "model 'port' of small: the worker gave no sign of life for 8 s during 'build'" in error
    assert "raise --timeout" in error
    recorded.port((HIDDEN, "time.sleep(1000)"))
    error = recorded.run("--timeout", "8").error(3)
    place = f"{recorded.recipe / 'port.py'}:13"
    assert f"no sign of life for 8 s during 'run': stopped; it was at {place}" in error


NOISE = """net = Net()
    import socket
    for stream in (sys.stdout, sys.stderr):
        stream.write("garbage " * 200000)
        for _ in range(100000):
            stream.write('{"ok": 1}\\\\n')
    for number in os.listdir("/proc/self/fd"):
        try:
            kind = os.readlink("/proc/self/fd/" + number)
            if not kind.startswith("socket"):
                os.write(int(number), bytes(range(256)) * 2000)
        except OSError:
            pass"""


def test_a_model_that_prints_megabytes_changes_nothing(recorded: Desk) -> None:
    """Garbage on stdout, stderr and every other open file is passed over: the answer is the same."""
    recorded.write(port=changed((NET, NOISE.replace("\\\\n", "\\n"))))
    done = recorded.run("--json")
    assert done.code == 0, done.err[-2000:]
    assert json.loads(done.out)["verdict"] == "agrees"
    assert len(done.err) < 5000


def test_a_recipe_may_call_its_modules_as_the_worker_calls_its_own(recorded: Desk) -> None:
    """Modules named wire, trees, build, calls, record and probe, and an entry named bisect, are the recipe's own."""
    names = ("wire", "trees", "build", "calls", "record", "probe", "serve", "measure", "numbers_")
    for name in names:
        (recorded.recipe / f"{name}.py").write_text(f"NAME = 'own {name}'\n")
    checks = "".join(f"import {name}\nassert {name}.NAME == 'own {name}'\n" for name in names)
    (recorded.recipe / "bisect.py").write_text(checks + MODEL)
    (recorded.recipe / "torch.py").write_text("raise ImportError('not the framework')\n")
    recorded.write(toml=TOML.replace("port.py", "bisect.py"))
    done = recorded.run()
    assert done.code == 0, done.err


def test_a_worker_of_another_protocol_is_an_error(recorded: Desk) -> None:
    """The model, the version found and the one expected are named, and what to read."""
    python = scripted(recorded.folder, {**READY, "protocol": 7})
    recorded.write(toml=with_port(f'python = "{python}"'))
    error = recorded.run().error(2)
    assert "model 'port' of small: the worker speaks version 7 of the protocol, expected 4" in error
    assert "next: see docs/protocol.md" in error


def test_a_worker_that_cannot_record_or_run_is_an_error(recorded: Desk) -> None:
    """What it cannot do, and what it can, are named by the command that needs it."""
    python = worker_with(recorded.folder, "protocol.CAPABILITIES &= {'step', 'survey'}")
    recorded.write(toml=with_port(f'python = "{python}"'))
    assert "model 'port' of small cannot be compared: its worker does not announce run" in recorded.run().error(2)
    error = recorded.capture("--model", "port").error(2)
    assert "model 'port' of small: the worker cannot answer 'record': it announces step, survey" in error


def test_a_target_that_the_worker_cannot_be_asked_about_is_an_error(desk: Desk) -> None:
    """A target of gradients does not agree where nobody compared gradients."""
    desk.write()
    assert desk.capture("--grads").code == 0
    python = worker_with(desk.folder, "protocol.CAPABILITIES -= {'gradients'}")
    desk.write(toml=with_port(f'python = "{python}"'))
    error = desk.run("--target", "grad_norm").error(2)
    assert "target 'grad_norm': gradients were not compared: the port's worker does not announce gradients" in error


WRONG = "hidden = torch.sin(self.first(x))"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("del operations.OPERATIONS['values'], protocol.REQUESTS['values']", "unknown operation 'values'"),
        ("protocol.CAPABILITIES -= {'values'}", "the port's worker does not announce values"),
        ("operations.OPERATIONS['values'] = lambda *_, **__: None", "the reply to 'values' is None, expected object"),
        ("operations.OPERATIONS['values'] = lambda *_, **__: {'net': 1}", "the worker's answer is not usable: "),
    ],
)
def test_what_is_asked_beside_probes_may_be_missing(recorded: Desk, change: str, why: str) -> None:
    """The culprit is named all the same, and the report says what was not looked at, and why."""
    python = worker_with(recorded.folder, change)
    recorded.write(toml=with_port(f'python = "{python}"'), port=changed((HIDDEN, WRONG)))
    done = recorded.run("--json")
    report = json.loads(done.out)
    assert (done.code, [culprit["sites"] for culprit in report["culprits"]]) == (1, [["net"]])
    (said,) = [line for line in report["notes"] if line.startswith("what the culprits compute was not looked at: ")]
    assert why in said


@pytest.mark.parametrize("name", ["survey", "attach_variables"])
def test_variables_that_cannot_be_asked_for_cost_the_line_alone(recorded: Desk, name: str) -> None:
    """A worker that says it can, and cannot, has its culprit named without a line."""
    python = worker_with(recorded.folder, f"del operations.OPERATIONS['{name}'], protocol.REQUESTS['{name}']")
    recorded.write(toml=with_port(f'python = "{python}"'), port=changed((HIDDEN, WRONG)))
    done = recorded.run("--json")
    report = json.loads(done.out)
    (culprit,) = report["culprits"]
    assert (done.code, culprit["sites"]) == (1, ["net"])
    # Where no variable can be compared, the line that calls the layer is left, and all that it reads is unclear.
    line = culprit["line"] and (culprit["line"]["port"]["line"], culprit["line"]["unclear"])
    assert line == (None if name == "survey" else (14, ["port.py:13"]))
    assert (
        f"lines of code were not looked for: {name} failed: ProtocolError: unknown operation {name!r}"
        in report["notes"]
    )


def test_a_reading_that_lacks_a_field_leaves_its_probe_unresolved(recorded: Desk) -> None:
    """The worker is not started again for it: where every probe is so, the field is named."""
    change = """
run = operations.OPERATIONS["run"]
def without(session, **request):
    reading = run(session, **request)
    del reading["receipts"]
    return reading
operations.OPERATIONS["run"] = without
"""
    recorded.write(toml=with_port(f'python = "{worker_with(recorded.folder, change)}"'))
    assert "the reply to 'run' is not as the protocol has it: receipts is missing" in recorded.run().error(3)


def test_a_reading_that_compares_nothing_clears_nobody(recorded: Desk) -> None:
    """Where the calls that were to be watched are missing, their outputs do not count as the reference's."""
    change = """
run = operations.OPERATIONS["run"]
operations.OPERATIONS["run"] = lambda session, **request: dict(run(session, **request), watched={})
"""
    recorded.write(toml=with_port(f'python = "{worker_with(recorded.folder, change)}"'))
    done = recorded.bisect("run")
    assert done.code == 3, done.out
    assert "it does not compare net, net.first, net.last" in " ".join(done.out.replace("│", "").split())


def test_a_probe_that_is_answered_badly_leaves_the_rest(recorded: Desk) -> None:
    """One reading in a form of its own costs no more than its probe."""
    change = """
run, count = operations.OPERATIONS["run"], []
def odd(session, **request):
    count.append(1)
    return dict(run(session, **request), **({"watched": {"net": 1}} if len(count) == 8 else {}))
operations.OPERATIONS["run"] = odd
"""
    python = worker_with(recorded.folder, change)
    recorded.write(toml=with_port(f'python = "{python}"'), port=changed((HIDDEN, WRONG)))
    done = recorded.run("--json")
    report = json.loads(done.out)
    failures = [row["failure"] for row in report["probes"]["log"] if row["failure"]]
    assert [words.partition(": ")[0] for words in failures] == ["the worker's reading is not usable"]
    assert [culprit["sites"] for culprit in report["culprits"]] == [["net"]]
