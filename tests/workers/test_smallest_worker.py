"""The smallest worker there can be, beside the same net in torch: the real command line."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from cli.desk import Desk

WORKER = Path(__file__).with_name("smallest_worker.py")
TOML = f"""\
[models.ref]
framework = "torch"
entry = "reference.py:build"

[models.port]
framework = "numpy"
command = ["{sys.executable}", "smallest_worker.py"]
"""
EVERY = (None, "loss")


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with that port, and a capture of its reference."""
    return Desk(tmp_path_factory.mktemp("smallest")).write(toml=TOML).captured()


@pytest.fixture
def desk(captured: Path, tmp_path: Path) -> Desk:
    """A copy of it with the worker as it is."""
    shutil.copytree(captured, tmp_path, dirs_exist_ok=True)
    shutil.copy(WORKER, tmp_path / "recipes" / "small")
    return Desk(tmp_path)


def report(desk: Desk, code: int, target: str | None, *changes: tuple[str, str]) -> dict:
    """Return what is said of the worker with some of its words replaced."""
    text = WORKER.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (desk.recipe / WORKER.name).write_text(text)
    done = desk.bisect("run", "--json", *(() if target is None else ("--target", target)))
    assert done.code == code, done.err
    return json.loads(done.out)


def named(found: dict) -> list[tuple[str, list[str], bool]]:
    """Return who is to blame."""
    return [(culprit["kind"], culprit["sites"], culprit["confirmed"]) for culprit in found["culprits"]]


def test_it_imports_nothing_of_the_tool() -> None:
    """It is what somebody writes who has the page alone."""
    assert "import bisect" not in WORKER.read_text()
    assert "from bisect" not in WORKER.read_text()


def test_a_faithful_port_agrees(desk: Desk) -> None:
    """In every question; what its worker cannot do is a note. A worker that was changed is asked anew."""
    for target in EVERY:
        found = report(desk, 0, target)
        assert (found["verdict"], found["culprits"]) == ("agrees", [])
        assert "gradients were not compared: the port's worker does not announce gradients" in found["notes"]
    assert re.search(r"; (\d+) of \1 probes were kept", desk.bisect("run").err)
    (desk.recipe / WORKER.name).write_text(WORKER.read_text() + "# another\n")
    assert "; 0 of " in desk.bisect("run").err


def test_what_it_cannot_do_at_all_is_one_line(desk: Desk) -> None:
    """A reference has to record."""
    error = desk.capture("--model", "port").error(2)
    assert "model 'port' of small: the worker cannot answer 'record': it announces run, step, but not 'record'" in error
    assert error.endswith("next: docs/protocol.md says what each capability asks of a worker")


def test_another_activation_is_named(desk: Desk) -> None:
    """The call whose own code has it, with proof."""
    for target in EVERY:
        assert named(report(desk, 1, target, ("np.tanh(", "np.maximum(0, "))) == [("code", ["net"], True)]


def test_a_wrong_layer_is_named(desk: Desk) -> None:
    """Both layers that have it, and neither the net around them nor the loss."""
    found = report(desk, 1, None, ('.T + weights[name + ".bias"]', '.T * 1.01 + weights[name + ".bias"]'))
    assert named(found) == [("code", ["net.first", "net.last"], True)]


def test_another_loss_is_named(desk: Desk) -> None:
    """Nothing but the code after the last layer."""
    assert named(report(desk, 1, "loss", ("np.mean(out**2)", "np.sum(out**2)"))) == [("code", ["step"], True)]


def test_weights_that_start_otherwise_are_named(desk: Desk) -> None:
    """The one tensor that is zero, be a loss asked about or none."""
    start = ('"f")\n    layer', '"f")\n    own["net.last.weight"] *= 0\n    layer')
    for target in EVERY:
        assert named(report(desk, 1, target, start)) == [("values", ["net.last.weight"], True)]
