"""``bisect doctor`` on models that build and step, and that yet cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted_worker import READY, scripted

from cli.desk import TOML, Desk, changed

IDLE = ("net = Net()", "net = Net(); other = Net()")
HEAD = "class Free(nn.Module):\n    def forward(self, x):\n        return x\n\n\nclass Net"


def rows(desk: Desk, code: int) -> dict[str, dict]:
    """Return the port's rows by what they are about."""
    done = desk.bisect("doctor", "--json")
    assert done.code == code, done.err
    return {row["what"]: row for row in json.loads(done.out) if row["model"] == "port"}


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        ((IDLE, ('{"net": net}', '{"net": other}')), "step", "step calls none of its modules (3 modules)"),
        (
            (("class Net", HEAD), ('{"net": net}', '{"net": Free()}')),
            "build",
            "no parameter and no buffer in any of its modules (1 module): nothing of the other side's can be given to it",
        ),
    ],
)
def test_a_model_of_which_nothing_can_be_compared_is_not_well(desk: Desk, change: tuple, what: str, words: str) -> None:
    """Modules that step does not call, and modules without parameters, are as bad as none."""
    desk.write(port=changed(*change))
    found = rows(desk, 2)
    assert (found[what]["ok"], found[what]["found"]) == (False, words)
    assert "`modules`" in found[what]["next"]


def test_what_step_calls_and_build_does_not_return_is_listed(desk: Desk) -> None:
    """It is compared as the rest is; but with a copy of the net beside, nothing is right."""
    held = (("def build(", "ACT = nn.Tanh()\n\n\ndef build("), ("torch.tanh(self", "ACT(self"))
    desk.write(port=changed(*held))
    build = "4 modules, 4 parameters and buffers; called by step, though not returned: ACT"
    assert rows(desk, 0)["build"]["found"] == build
    desk.write(port=changed(*held, IDLE, ('{"net": net}', '{"copy": other}')))
    assert rows(desk, 2)["step"]["found"].startswith("step calls none of its modules")


def test_a_root_that_is_not_called_is_said(desk: Desk) -> None:
    """Its parameters may be read by other code, so it is no mistake by itself."""
    desk.write(port=changed(IDLE, ('{"net": net}', '{"net": net, "other": other}')))
    found = rows(desk, 0)
    assert found["step"]["found"] == "targets: loss, size; no module of 'other' is called"


def own_worker(desk: Desk, words: str) -> None:
    """Let the port be a worker of its own."""
    desk.write(
        toml=TOML.replace('framework = "torch"\nentry = "port.py:build"', f'framework = "free"\ncommand = ["{words}"]')
    )


def test_a_worker_of_its_own_is_looked_at_too(desk: Desk) -> None:
    """The command takes the interpreter's place; what it does not announce is not asked, and no failure."""
    described = {"framework": "free", "version": "1", "python": "", "seconds": 0.0, "batch": [], "sources": "1"}
    tensor = {"name": "a.w", "kind": "parameter", "trainable": True, "shape": [1], "dtype": "float32"}
    module = {"name": "a", "class": "A", "library": False, "leaf": True, "training": True, "settings": {}}
    reply = {**described, "options": [], "modules": [module], "state": [tensor]}
    program = Path(scripted(desk.recipe, {**READY, "capabilities": ["run"]}, {"build": [{"ok": reply}]}))
    own_worker(desk, f"./{program.name}")
    found = rows(desk, 0)
    assert {what: row["found"] for what, row in found.items()} == {
        "command": str(program),
        "free": "1",
        "build": "1 module, 1 parameters and buffers",
        "step": "not asked: its worker does not announce step",
    }


@pytest.mark.parametrize("command", ["./worker", "no-such-worker-anywhere"])
def test_a_command_that_is_not_there_is_named(desk: Desk, command: str) -> None:
    """Nothing is started then; one without a slash is looked for where programs are."""
    own_worker(desk, command)
    found = rows(desk, 2)
    assert list(found) == ["command"]
    shown = desk.recipe / "worker" if command.startswith(".") else command
    assert found["command"]["found"] == f"{shown}: no program that may be run"
    assert found["command"]["next"].startswith("`command` of this model in recipe.toml names it")


def test_what_is_no_python_is_said_to_be_none(desk: Desk) -> None:
    """Nothing is asked to be installed in it."""
    desk.write(toml=TOML.replace('entry = "port.py:build"', 'entry = "port.py:build"\npython = "/bin/ls"'))
    found = rows(desk, 2)["interpreter"]
    assert found["found"].startswith("/bin/ls is no Python interpreter")
    assert found["next"] == "set `python` in recipe.toml"
